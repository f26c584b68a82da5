import JobRunner
import LogClient
import LogModel
import StreamsRuntime
import Terminal

/// Reads partitions side by side and prints what the isolation level shows.
struct Consumer: ~Copyable {
    private let log: any CommandLog
    /// Those that are read; a partition in which damage is met leaves them.
    private var partitions: [TopicPartition]
    private let isolation: IsolationLevel
    private let group: String?
    private var remaining: Int
    private var printer: RecordPrinter
    private var positions: [TopicPartition: Offset] = [:]
    /// Why partitions are not read on.
    private var failures: [CommandFailure] = []
    private var hasSaidItWaits = false
    private let buffer = FetchBuffer(byteCount: 1 << 20)
    private var decompressor = RecordDecompressor()
    /// The most that one batch may grow to.
    private static let decompressedByteLimit = BatchLimit.recordByteCount

    init(
        log: any CommandLog,
        partitions: [TopicPartition],
        isolation: IsolationLevel,
        group: String?,
        limit: Int,
        printer: consuming RecordPrinter
    ) {
        self.log = log
        self.partitions = partitions
        self.isolation = isolation
        self.group = group
        remaining = limit
        self.printer = printer
    }

    /// Finds where to begin: the group's offsets, else `asked`, else the beginning.
    mutating func begin(at asked: ConsumeCommand.Start?) throws {
        // What the checkpoint knows of a partition may lie in a file that is not there any more.
        partitions = log.readable(partitions)
        let start = asked ?? .beginning
        var committed: [TopicPartition: Offset] = [:]
        if let group {
            try log.requireReadable(group: group)
            committed = try log.committedOffsets(group: group, partitions: partitions)
        }
        if asked != nil { sayWhichGoOn(committed) }
        try refuseBehindTheEnd(start, partitions.filter { committed[$0] == nil })
        for partition in partitions {
            guard let position = committed[partition] else {
                positions[partition] = try first(of: partition, at: start)
                continue
            }
            positions[partition] = try readable(position, of: partition)
        }
    }

    /// As with Kafka's and kcat's readers, a position of the group wins over what is asked for.
    private func sayWhichGoOn(_ committed: [TopicPartition: Offset]) {
        guard let group, !committed.isEmpty else { return }
        let places = committed.sorted { $0.key < $1.key }
            .map { "\($0.key) at \($0.value.rawValue)" }
        TextOutput.error.write(
            "note: the group \(group) goes on where it stopped, not at --from: "
                + places.joined(separator: ", ") + "\n"
        )
    }

    /// An offset behind the end of every partition is a mistake. Of several partitions, those that
    /// end before it begin at their end.
    private func refuseBehindTheEnd(
        _ start: ConsumeCommand.Start,
        _ partitions: [TopicPartition]
    ) throws {
        guard case .offset(let offset) = start, let first = partitions.first else { return }
        var last = (partition: first, end: Offset.zero)
        for partition in partitions {
            let end = try end(of: log.bounds(of: partition))
            if end >= offset { return }
            if end > last.end { last = (partition, end) }
        }
        for partition in partitions { try log.refuseDamage(of: partition, at: offset) }
        throw CommandFailure(
            "offset \(offset.rawValue) lies behind the end of what there is to read",
            place: "\(log.place)",
            reason: "\(last.partition) ends at \(last.end.rawValue)"
                + (partitions.count > 1 ? ", the other partitions before it or there" : ""),
            next: "--from end waits for what comes"
        )
    }

    /// Where a group goes on: where it stopped, or at what is left if that was deleted.
    private func readable(
        _ position: Offset,
        of partition: TopicPartition
    ) throws -> Offset {
        let bounds = try log.bounds(of: partition)
        guard position < bounds.logStart else { return position }
        try log.refuseDamage(of: partition, at: position)
        let reader = group == nil ? "they were read" : "the group read them"
        TextOutput.error.write(
            "warning: \(partition): offsets \(position.rawValue) to "
                + "\(bounds.logStart.rawValue - 1) were deleted before \(reader); it "
                + "goes on at \(bounds.logStart.rawValue)\n"
        )
        return bounds.logStart
    }

    private func first(
        of partition: TopicPartition,
        at start: ConsumeCommand.Start
    ) throws -> Offset {
        let bounds = try log.bounds(of: partition)
        switch start {
        case .beginning:
            try refuseToSkip(from: .zero, to: bounds.logStart, partition)
            return bounds.logStart
        case .end: return end(of: bounds)
        case .offset(let offset):
            try refuseToSkip(from: offset, to: bounds.logStart, partition)
            return min(max(offset, bounds.logStart), end(of: bounds))
        case .time(let time):
            return try log.offset(at: time, in: partition, isolation: isolation)
                ?? end(of: bounds)
        }
    }

    /// A group that begins behind what damage took away would never read it.
    private func refuseToSkip(
        from offset: Offset,
        to logStart: Offset,
        _ partition: TopicPartition
    ) throws {
        guard group != nil, offset < logStart else { return }
        try log.refuseDamage(of: partition, at: offset)
    }

    /// The offset behind the last one that the isolation level shows.
    private func end(of bounds: PartitionBounds) -> Offset {
        switch isolation {
        case .readCommitted: bounds.lastStableOffset
        case .readUncommitted: bounds.highWatermark
        }
    }

    /// A signal came while the reader of the output took nothing: some of it was not written.
    func wasCutShort(by signals: SignalListener) -> Bool {
        printer.output.isBroken && signals.request != nil
    }

    /// Prints until the end, the limit, a signal, or until the reader is gone. What was printed is
    /// noted for the group, and no more, also where an error ends it.
    mutating func run(untilEnd: Bool, signals: SignalListener) throws {
        printer.output.interrupt = signals.descriptor
        do { try read(untilEnd: untilEnd, signals: signals) } catch {
            printer.output.flush()
            throw noteProgress(after: CommandFailure(explaining: error, data: log.place.directory))
        }
        printer.output.flush()
        try noteProgress()
        if let failure = failures.first { throw failure }
    }

    private mutating func read(untilEnd: Bool, signals: SignalListener) throws {
        let stop = StopSwitch()
        signals.onRequest { stop.request() }
        var targets: [TopicPartition: Offset] = [:]
        if untilEnd {
            for partition in partitions {
                targets[partition] = end(of: try log.bounds(of: partition))
            }
        }
        var signal: UInt64 = 0
        while !stop.isRequested, remaining > 0, !printer.output.isBroken, !partitions.isEmpty {
            var isIdle = true
            for partition in partitions where remaining > 0 {
                do {
                    if try !pass(partition, target: targets[partition]) { isIdle = false }
                } catch let error as DamageFound { setAside(partition, error.failure) }
            }
            guard isIdle else { continue }
            if untilEnd { break }
            printer.output.flush()
            sayItWaits()
            signal = try log.waitForChange(
                since: signal,
                of: positions.filter { partitions.contains($0.key) },
                isolation: isolation,
                timeout: .milliseconds(200)
            )
        }
    }

    /// What a person who waits should know.
    private mutating func sayItWaits() {
        guard !hasSaidItWaits, let note = log.waitingNote else { return }
        hasSaidItWaits = true
        TextOutput.error.write("note: \(note)\n")
    }

    /// A partition cannot be read on; the others can.
    private struct DamageFound: Error {
        let failure: CommandFailure
    }

    /// Reads the other partitions on. The error comes at the end; who waits for more learns of it
    /// at once.
    private mutating func setAside(_ partition: TopicPartition, _ failure: CommandFailure) {
        partitions.removeAll { $0 == partition }
        failures.append(failure)
        guard !partitions.isEmpty else { return }
        TextOutput.error.write(
            "warning: \(failure.what)\(failure.place.map { ", \($0)" } ?? ""); the other "
                + "partitions are read on\n"
        )
    }

    /// One fetch of a partition; true if there is nothing more to print before `target`.
    private mutating func pass(_ partition: TopicPartition, target: Offset?) throws -> Bool {
        let position = positions[partition] ?? .zero
        if let target, position >= target { return true }
        let result: FetchResult
        do throws(FetchFailure) {
            result = try log.fetch(
                partition,
                from: position,
                isolation: isolation,
                into: buffer
            )
        } catch {
            switch error {
            case .failed(let failure): throw DamageFound(failure: failure)
            case .outOfRange(let bounds):
                guard position < bounds.logStart else {
                    throw DamageFound(
                        failure: CommandFailure(
                            "the log refused",
                            place: "\(partition)",
                            reason: "offset \(position.rawValue) was asked for, there are "
                                + "\(bounds.logStart.rawValue) to "
                                + "\(bounds.highWatermark.rawValue)"
                        )
                    )
                }
            }
            // Retention was quicker than the reader.
            positions[partition] = try readable(position, of: partition)
            return false
        }
        guard result.byteCount > 0 else { return true }
        let bytes = UnsafeRawBufferPointer(buffer.bytes)
        do {
            try printBatches(
                UnsafeRawBufferPointer(rebasing: bytes[..<result.byteCount]),
                aborted: AbortedFilter(result.abortedTransactions),
                of: partition,
                from: position
            )
        } catch let error as RecordBatchError {
            throw DamageFound(
                failure: CommandFailure(
                    "a batch is damaged",
                    place: "\(partition) at or after offset "
                        + "\(positions[partition]?.rawValue ?? 0)",
                    reason: "\(error)",
                    next: log.place.directory.map { nextCommand("log verify", data: $0) }
                )
            )
        }
        return false
    }

    private mutating func printBatches(
        _ bytes: UnsafeRawBufferPointer,
        aborted: consuming AbortedFilter,
        of partition: TopicPartition,
        from position: Offset
    ) throws {
        var aborted = aborted
        var batches = RecordBatchSequence(bytes)
        while remaining > 0, let batch = try batches.next() {
            try batch.verifyChecksum()
            guard batch.nextOffset > position else { continue }
            if batch.attributes.isControl {
                try aborted.noteControl(of: batch)
            } else if isolation == .readUncommitted || !aborted.hides(batch) {
                try printRecords(of: batch, partition)
                continue
            }
            positions[partition] = batch.nextOffset
        }
    }

    private mutating func printRecords(
        of batch: RecordBatchView,
        _ partition: TopicPartition
    ) throws {
        let position = positions[partition] ?? .zero
        var records = try decompressor.records(of: batch, byteLimit: Self.decompressedByteLimit)
        while remaining > 0, let record = try records.next() {
            let offset = batch.offset(of: record)
            guard offset >= position else { continue }
            try printer.print(record, of: batch, partition: partition)
            positions[partition] = offset.advanced(by: 1)
            remaining -= 1
        }
        if remaining > 0 { positions[partition] = batch.nextOffset }
    }

    /// Commits the group's positions, once what they stand for is written out.
    private func noteProgress() throws {
        guard let group, !printer.output.isBroken else { return }
        try log.commitOffsets(group: group, positions)
    }

    /// Notes the positions once the work failed; says so where that fails as well.
    private func noteProgress(after failure: CommandFailure) -> CommandFailure {
        do {
            try noteProgress()
            return failure
        } catch {
            var failure = failure
            let words = "the group's position was not noted: \(error)"
            failure.reason = failure.reason.map { "\($0); \(words)" } ?? words
            return failure
        }
    }
}
