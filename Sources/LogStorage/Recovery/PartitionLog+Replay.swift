import LogModel
import Threads

extension PartitionLog.Sleep {
    init(_ facts: PartitionFacts) {
        if let reason = facts.offlineReason {
            self = .offline(reason)
        } else if let obstacle = facts.replayObstacle {
            self = .unreplayed(facts, reason: Self.words(obstacle))
        } else {
            self = .asleep(facts)
        }
    }

    static func words(_ obstacle: String) -> String {
        "\(obstacle); what the journal has of it is kept, and is written again by itself, once a "
            + "minute at least"
    }
}

/// A partition whose part of the journal could not be written at the start comes back by itself.
extension PartitionLog {
    /// Whether what the journal has of it is not in its segments yet: until it is, the partition is
    /// offline.
    package var isUnreplayed: Bool {
        waking.withLock { if case .unreplayed = $0 { true } else { false } }
    }

    /// Writes what is held of the partition into its segments, after which it can be opened.
    ///
    /// - Parameter entries: All that the journal had of it, in order.
    func replay(_ entries: [JournalContent.HeldEntry]) {
        waking.withLock { sleep in
            guard case .unreplayed(var facts, _) = sleep else { return }
            let missing = entries.filter { $0.entry.end > facts.recovery.place.offset }
            // It would be cut to what is there.
            guard missing.last?.entry.end == facts.end.offset else {
                sleep = .offline("what the journal had of it is not held as it was")
                return
            }
            do throws(LogStorageError) {
                var segments = SegmentReplay()
                for entry in missing { try segments.write(entry, to: files) }
                facts.replayObstacle = nil
                sleep = .asleep(facts)
            } catch {
                let reason = SegmentReplay.reason(error)
                sleep =
                    error.letsReplayWait
                    ? .unreplayed(facts, reason: Self.Sleep.words(reason)) : .offline(reason)
            }
        }
    }
}

extension DataDirectory {
    /// Tries partitions again that a start could not replay, at a pace that slows down. Called now
    /// and then. Those that can be opened now are written back by the next write-back, which lets
    /// go of what is held of them.
    ///
    /// - Throws: why what is held could not be read; it is tried again.
    package func replayWaiting() throws(LogStorageError) -> [PartitionLog] {
        let now = context.time.monotonicNanoseconds()
        let waiting = unreplayed.withLock { unreplayed -> [PartitionLog] in
            unreplayed.logs.removeAll { !$0.isUnreplayed }
            guard !unreplayed.logs.isEmpty, unreplayed.pace.isDue(at: now) else { return [] }
            return unreplayed.logs
        }
        guard !waiting.isEmpty else { return [] }
        // Nobody replaces what is held meanwhile.
        return try writingBack.withLock { checkpoint throws(LogStorageError) -> [PartitionLog] in
            let isHeld = checkpoint.hasHeldGroups
            let held = try onDisk { () throws(DiskError) in
                try HeldGroups.load(
                    disk: context.disk,
                    directory: files.path(Self.journalFolder),
                    isExpected: isHeld
                )
            }
            // A start tells whose the damage is.
            guard held.damages.isEmpty, held.lost.isEmpty else {
                throw .corrupt(
                    "\(files.path(Self.journalFolder))/\(HeldGroups.fileName) is damaged"
                )
            }
            let entries = Dictionary(grouping: held.groups.joined(), by: \.entry.partition)
            for log in waiting {
                log.replay(entries[log.key] ?? [])
                log.needsWriteBack()
            }
            return waiting.filter { $0.offlineReason == nil }
        }
    }

    /// Partitions that the start could not replay, and when they are tried again.
    struct Unreplayed: Sendable {
        var logs: [PartitionLog]
        var pace: RetryPace
    }
}
