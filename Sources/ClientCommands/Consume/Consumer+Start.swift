import DirectoryAccess
import LogClient
import LogModel
import Terminal

/// Where reading begins.
extension Consumer {
    /// Finds where to begin: the group's offsets, else what is asked for, else the beginning.
    mutating func begin(_ signals: SignalListener) throws {
        // What the checkpoint knows of a partition may lie in a file that is not there any more.
        partitions = log.readable(partitions)
        let start = plan.start ?? .beginning
        var committed: [TopicPartition: Offset] = [:]
        if let group = plan.group {
            try log.requireReadable(group: group)
            committed = try log.committedOffsets(group: group, partitions: partitions)
            progress.begin(with: committed, at: SystemTimeSource().monotonicNanoseconds())
        }
        if plan.start != nil { sayWhichGoOn(committed) }
        try refuseBehindTheEnd(start, partitions.filter { committed[$0] == nil })
        for partition in partitions {
            do {
                positions[partition] =
                    try committed[partition].map { try readable($0, of: partition) }
                    ?? first(of: partition, at: start, signals)
            } catch let error as DamageFound {
                try leaveOutBegin(of: partition, committed[partition], error.failure)
            }
        }
    }

    /// What a group was to read first is damaged: the others are read, or what is left of this one.
    private mutating func leaveOutBegin(
        of partition: TopicPartition,
        _ position: Offset?,
        _ failure: CommandFailure
    ) throws {
        positions[partition] = position
        guard plan.skipsDamage, let logStart = try? log.bounds(of: partition).logStart,
            logStart > .zero
        else { return setAside(partition, failure) }
        leaveOut(partition, to: Regained(begin: logStart, from: logStart), failure)
    }

    /// As with Kafka's and kcat's readers, a position of the group wins over what is asked for.
    private func sayWhichGoOn(_ committed: [TopicPartition: Offset]) {
        guard let group = plan.group, !committed.isEmpty else { return }
        let places = committed.sorted { $0.key < $1.key }
            .map { "\($0.key) at \($0.value.rawValue)" }
        var option = "--from"
        if case .last = plan.start { option = "--last" }
        TextOutput.error.write(
            "note: the group \(visible(group)) goes on where it stopped, not at \(option): "
                + places.joined(separator: ", ") + "\n"
        )
    }

    /// An offset behind the end of every partition is a mistake. Of several partitions, those that
    /// end before it begin at their end.
    private func refuseBehindTheEnd(
        _ start: ReadingPlan.Start,
        _ partitions: [TopicPartition]
    ) throws {
        guard case .offset(let offset) = start, let first = partitions.first else { return }
        var last = (partition: first, end: Offset.zero)
        for partition in partitions {
            guard let bounds = try? log.bounds(of: partition) else { return }
            let end = end(of: bounds)
            if end >= offset { return }
            if end > last.end { last = (partition, end) }
        }
        for partition in partitions {
            do throws(DamageFound) { try log.refuseDamage(of: partition, at: offset) } catch {
                throw error.failure
            }
        }
        throw CommandFailure(
            "offset \(offset.rawValue) lies behind the end of what there is to read",
            place: "\(log.place)",
            reason: "\(last.partition) ends at \(last.end.rawValue)"
                + (partitions.count > 1 ? ", the other partitions before it or there" : ""),
            next: "--from end waits for what comes"
        )
    }

    /// Where a group goes on: where it stopped, or at what is left if that was deleted.
    func readable(
        _ position: Offset,
        of partition: TopicPartition
    ) throws -> Offset {
        let bounds = try log.bounds(of: partition)
        guard position < bounds.logStart else { return position }
        try log.refuseDamage(of: partition, at: position)
        tellDeletion(position, bounds.logStart, partition)
        return bounds.logStart
    }

    private func tellDeletion(_ first: Offset, _ logStart: Offset, _ partition: TopicPartition) {
        let reader = plan.group == nil ? "they were read" : "the group read them"
        TextOutput.error.write(
            "warning: \(partition): offsets \(first.rawValue) to \(logStart.rawValue - 1) were "
                + "deleted before \(reader); it goes on at \(logStart.rawValue)\n"
        )
    }

    /// The partitions in which the group stands behind the end, which lost its end or was put back:
    /// what comes next would be passed over until the end is there again. What is damaged is told
    /// as that.
    func failuresBehindTheEnd() -> [(partition: TopicPartition, failure: CommandFailure)] {
        guard let group = plan.group else { return [] }
        var failures: [(partition: TopicPartition, failure: CommandFailure)] = []
        for partition in partitions {
            guard let position = positions[partition] else { continue }
            // One that does not tell its end is told of when it is read.
            guard let bounds = try? log.bounds(of: partition), position > bounds.highWatermark
            else { continue }
            do throws(DamageFound) {
                try log.refuseDamage(of: partition, at: position)
                failures.append((partition, behindTheEnd(group, position, partition, bounds)))
            } catch { failures.append((partition, error.failure)) }
        }
        return failures
    }

    private func behindTheEnd(
        _ group: String,
        _ position: Offset,
        _ partition: TopicPartition,
        _ bounds: PartitionBounds
    ) -> CommandFailure {
        CommandFailure(
            "the group '\(group)' stands behind the end of \(partition)",
            place: "\(log.place)",
            reason: "its position is \(position.rawValue), and the partition ends at "
                + "\(bounds.highWatermark.rawValue): its end was lost, or the position was set "
                + "by hand",
            next: log.place.next(
                "group reset \(argument: group) --topic=\(shellWord(partition.topic))"
            ) + ", which shows what beginning anew would change, and does not change it"
        )
    }

    private mutating func first(
        of partition: TopicPartition,
        at start: ReadingPlan.Start,
        _ signals: SignalListener
    ) throws -> Offset {
        let bounds = try log.bounds(of: partition)
        switch start {
        case .beginning:
            try refuseToSkip(from: .zero, to: bounds.logStart, partition)
            return bounds.logStart
        case .end: return end(of: bounds)
        case .last(let count):
            return beginOfLast(count, of: partition, bounds, signals)
        case .offset(let offset):
            try refuseToSkip(from: offset, to: bounds.logStart, partition)
            // What damage took is told with the partition, at the end.
            if offset < bounds.logStart, (try? log.refuseDamage(of: partition, at: offset)) != nil {
                tellDeletion(offset, bounds.logStart, partition)
            }
            return min(max(offset, bounds.logStart), end(of: bounds))
        case .time(let time):
            return try log.offset(at: time, in: partition, isolation: plan.isolation)
                ?? end(of: bounds)
        }
    }

    /// A group that begins behind what damage took away would never read it.
    private func refuseToSkip(
        from offset: Offset,
        to logStart: Offset,
        _ partition: TopicPartition
    ) throws {
        guard plan.group != nil, offset < logStart else { return }
        try log.refuseDamage(of: partition, at: offset)
    }

    /// The offset behind the last one that the isolation level shows.
    func end(of bounds: PartitionBounds) -> Offset {
        switch plan.isolation {
        case .readCommitted: bounds.lastStableOffset
        case .readUncommitted: bounds.highWatermark
        }
    }
}
