import LogModel
import Synchronization
import Threads

/// One round: what a group takes, writes and tells.
extension GroupCommit {
    /// Appended bytes after which segments are written back: a start should not read much more.
    private static let writeBackByteCount = 128 << 20

    /// What a write-back begins with.
    struct Capture {
        /// Every partition that groups before `sequence` may vouch for.
        var logs: [PartitionLog]
        var sequence: UInt64
        var failure: LogStorageError?
    }

    /// Writes one group of what is pending in every partition that was not written back, and has
    /// each note a state to begin from. Which partitions those are is told under the same lock:
    /// no group comes in between.
    func capture() -> Capture {
        context.capturesStates = true
        defer { context.capturesStates = false }
        // With relaxed durability too: a decision may count on what came before it was relaxed.
        sync(context.dirtyLogs.filter { $0.hasBulk || $0.isRelaxed })
        return round.withLock { round in
            let logs = context.takeDirty()
            for log in logs { log.willBeWrittenBack() }
            let outcome = write(logs, &round, arePinned: true, mayExceed: true)
            for log in logs {
                log.captureIfSettled()
                // A later group vouches for what this one had no room for.
                log.staysDirtyIfPending()
            }
            var capture = Capture(logs: logs, sequence: round.journal.nextSequence, failure: nil)
            switch outcome {
            case .written: break
            case .failed(let error): capture.failure = error
            case .needsWriteBack: capture.failure = .readOnly("the journal has no room")
            }
            return capture
        }
    }

    /// The same of these partitions alone, which stay to be written back as they were: what groups
    /// vouch for does not change by it. Why it could not be done, if it could not.
    func capture(of logs: [PartitionLog]) -> LogStorageError? {
        context.capturesStates = true
        defer { context.capturesStates = false }
        if case .failed(let error) = makeRound(logs) { return error }
        return round.withLock { round -> LogStorageError? in
            switch write(logs, &round, arePinned: true) {
            case .failed(let error): return error
            case .needsWriteBack: return .readOnly("the journal has no room")
            case .written:
                for log in logs { log.captureIfSettled() }
                return nil
            }
        }
    }

    /// Writes one group of what is pending in `logs`.
    func makeRound(_ logs: [PartitionLog]) -> Outcome {
        var unique: [PartitionLog] = []
        var seen: Set<PartitionKey> = []
        for log in logs where seen.insert(log.key).inserted { unique.append(log) }
        let needed = queue.withLock { queue in
            unique.filter(\.isDeciding).flatMap { log in
                queue.dependencies[log.key].map { $0.values.map(\.log) } ?? []
            }
        }
        let others = needed.filter { seen.insert($0.key).inserted }
        let bulk = (unique + others).filter { $0.hasBulk || $0.isRelaxed }
        let unopened = sync(bulk)
        let outcome = round.withLock { round in write(unique, &round) }
        // What the group could do without it is done.
        if let unopened, case .written = outcome { return .failed(.disk(unopened)) }
        return outcome
    }

    private func write(
        _ logs: [PartitionLog],
        _ round: inout Round,
        arePinned: Bool = false,
        mayExceed: Bool = false
    ) -> Outcome {
        if let failure = round.failure {
            for log in logs { log.fail(failure) }
            return .failed(.readOnly(failure))
        }
        var parts: [(log: PartitionLog, part: GroupPart)] = []
        var needs: [PartitionKey: [PartitionKey: FlushTarget]] = [:]
        var taken: Set<PartitionKey> = []
        var room = Int(context.journal.fileByteCount)
        func take(_ log: PartitionLog, needs: Offset?, room part: Int) {
            guard taken.insert(log.key).inserted,
                let part = log.takePart(needs: needs, room: part, settles: arePinned)
            else { return }
            room = max(0, room - part.payload.count)
            parts.append((log, part))
        }
        for log in logs where log.isDeciding {
            take(log, needs: log.flushTarget, room: room)
            // What records need that are still to come stays for them. Read after the part was
            // taken: what its records need was said before them.
            guard parts.last?.log === log else { continue }
            needs[log.key] = queue.withLock { $0.dependencies.removeValue(forKey: log.key) } ?? [:]
        }
        for target in needs.values.flatMap(\.values) {
            take(target.log, needs: target.offset, room: 0)
        }
        // A group fits a file: what finds no room comes with the next.
        for log in logs where room > 0 || arePinned {
            take(log, needs: nil, room: arePinned ? room : 0)
        }
        parts = withoutUnmet(parts, needs)
        guard !parts.isEmpty else { return .written }
        let included = Set(parts.map(\.log.key))
        needs = needs.filter { included.contains($0.key) }
        return write(parts, needs, &round, mayExceed: mayExceed)
    }

    /// Leaves out deciding partitions whose records count on what is not in the group. Where a
    /// failed partition has lost it they must never become durable, so such a partition takes no
    /// more until the next start. Where it only waits for a flush of its own, as in a topic that
    /// was made relaxed since the round began, they wait with it for the next round.
    private func withoutUnmet(
        _ all: [(log: PartitionLog, part: GroupPart)],
        _ needs: [PartitionKey: [PartitionKey: FlushTarget]]
    ) -> [(log: PartitionLog, part: GroupPart)] {
        var parts = all
        // One that is left out may be what another counts on.
        while true {
            let included = Set(parts.map(\.log.key))
            func unmet(_ log: PartitionLog) -> FlushTarget? {
                needs[log.key]?.values.first { target in
                    !included.contains(target.log.key) && !target.log.isRetired
                        && target.log.flushStatus(target.offset) != .done
                }
            }
            let found = parts.lazy.enumerated()
                .compactMap { index, item in unmet(item.log).map { (index, $0) } }.first
            guard let (index, target) = found else { return parts }
            let item = parts.remove(at: index)
            if case .failed = target.log.flushStatus(target.offset) {
                item.log.fail(
                    "a decision counts on records of \(target.log.name) that could not be flushed"
                )
            } else {
                putBack([item], needs.filter { $0.key == item.log.key })
            }
        }
    }

    private func write(
        _ parts: [(log: PartitionLog, part: GroupPart)],
        _ needs: [PartitionKey: [PartitionKey: FlushTarget]],
        _ round: inout Round,
        mayExceed: Bool
    ) -> Outcome {
        let outcome: Journal.Outcome
        let begin = context.time.monotonicNanoseconds()
        let before = round.journal.byteCount
        do throws(DiskError) {
            outcome = try round.journal.write(
                entries: parts.map(\.part.entry),
                payload: parts.map(\.part.payload),
                mayExceed: mayExceed
            )
        } catch .full(let path, let isLargest) {
            putBack(parts, needs)
            return .failed(.disk(.full(path: path, isLargest: isLargest)))
        } catch {
            let reason = "the journal could not be flushed: \(error)"
            round.failure = reason
            for (log, _) in parts { log.fail(reason) }
            return .failed(.readOnly(reason))
        }
        switch outcome {
        case .needsWriteBack:
            putBack(parts, needs)
            return .needsWriteBack
        case .notBegun(let error):
            putBack(parts, needs)
            return .failed(.disk(error))
        case .written:
            context.countFdatasync()
            probe.noteGroup(
                partitionCount: parts.count,
                byteCount: round.journal.byteCount &- before,
                nanosecondsSince: begin,
                at: context.time.monotonicNanoseconds()
            )
            for (log, _) in parts { log.groupIsDurable() }
            noteDue(round.journal)
            return .written
        }
    }

    private func putBack(
        _ parts: [(log: PartitionLog, part: GroupPart)],
        _ needs: [PartitionKey: [PartitionKey: FlushTarget]]
    ) {
        for (log, _) in parts { log.groupWasNotWritten() }
        queue.withLock { queue in
            for (key, targets) in needs {
                queue.dependencies[key, default: [:]].merge(targets) { newer, older in
                    newer.offset >= older.offset ? newer : older
                }
            }
        }
    }

    private func noteDue(_ journal: Journal) {
        let appended = context.appendedByteCount.load(ordering: .relaxed)
        if journal.sealedFileCount > 0 || appended > Self.writeBackByteCount {
            isDue.store(true, ordering: .relaxed)
        }
    }
}
