import DirectoryAccess
import LogClient
import LogModel
import StreamsRuntime
import Terminal

/// Reads partitions side by side and prints what the isolation level shows.
struct Consumer: ~Copyable {
    let log: any RecordSource
    let plan: ReadingPlan
    /// All that were chosen, and what came to them since.
    var chosen: [TopicPartition]
    /// Those that are read; a partition in which damage is met leaves them.
    var partitions: [TopicPartition]
    /// Those of them that are read up to where reading ends.
    var finished: Set<TopicPartition> = []
    private var remaining: Int
    var printer: RecordPrinter
    var positions: [TopicPartition: Offset] = [:]
    /// Why partitions are not read on, or not whole.
    var failures: [(partition: TopicPartition, failure: CommandFailure)] = []
    /// Where to ask for what comes behind damage that was left out.
    var regained: [TopicPartition: Offset] = [:]
    /// What open transactions hold up.
    var heldUp = HeldUpRecords()
    /// Records in front of the last ones, which were asked for.
    var passedOver: [TopicPartition: Int64] = [:]
    var progress: GroupProgress
    /// Somebody else moved the group's positions: those of this reader are not noted any more.
    var isOvertaken = false
    private var hasSaidItWaits = false
    /// Whether the time at which reading ends has come.
    private var isTimeOver = false
    var silence = ReadingSilence()
    var leaderless = LeaderlessPartitions()
    /// Topics that were deleted while they were read: others of their names begin anew.
    var goneTopics: Set<String> = []
    var shape: ChosenShape
    let time: any TimeSource
    let buffer = FetchBuffer(byteCount: 1 << 20)
    var decompressor = RecordDecompressor()
    /// After so many records it is looked whether a group's position is to be noted.
    private static let recordsPerLook = 64
    /// The most that one batch may grow to.
    static let decompressedByteLimit = BatchLimit.recordByteCount

    init(
        log: any RecordSource,
        partitions: [TopicPartition],
        plan: ReadingPlan,
        printer: consuming RecordPrinter,
        time: any TimeSource = SystemTimeSource(),
        chosenNow: @escaping () -> [TopicPartition] = { [] }
    ) {
        self.log = log
        chosen = partitions
        self.partitions = partitions
        self.plan = plan
        remaining = plan.limit
        self.time = time
        progress = GroupProgress(at: time.monotonicNanoseconds())
        shape = ChosenShape(at: time.monotonicNanoseconds(), now: chosenNow)
        self.printer = printer
    }

    /// A signal came while the reader of the output took nothing: some of it was not written.
    func wasCutShort(by signals: SignalListener) -> Bool {
        printer.output.isBroken && signals.request != nil
    }

    /// Prints until the end, the limit, a signal, or until the reader is gone. What was printed is
    /// noted for the group, and no more, also where an error ends it.
    mutating func run(_ signals: SignalListener) throws {
        printer.output.interrupt = signals.descriptor
        do { try read(signals) } catch {
            printer.output.flush()
            throw noteProgress(after: CommandFailure(explaining: error, data: log.place.directory))
        }
        printer.output.flush()
        try noteProgress()
        if signals.request == nil { tellWhatWaits() }
        try conclude()
    }

    private mutating func read(_ signals: SignalListener) throws {
        let stop = StopSwitch()
        signals.onRequest { stop.request() }
        for (partition, failure) in failuresBehindTheEnd() { setAside(partition, failure) }
        var targets: [TopicPartition: Offset] = [:]
        if plan.endsAtEnd {
            for partition in partitions {
                do {
                    let bounds = try log.bounds(of: partition)
                    targets[partition] = end(of: bounds)
                    noteHeldUp(partition, bounds)
                } catch let error as DamageFound { setAside(partition, error.failure) }
            }
        }
        var signal: UInt64 = 0
        while !stop.isRequested, remaining > 0, !printer.output.isBroken, !unfinished.isEmpty {
            noteTime()
            try takeNewPartitions()
            var isIdle = true
            // What is given up on the way takes others of its topic along.
            for partition in unfinished where remaining > 0 && partitions.contains(partition) {
                do {
                    if try !pass(partition, target: targets[partition]) {
                        isIdle = false
                    } else if isTimeOver, isRead(partition, to: targets[partition]),
                        !leaderless.contains(partition)
                    {
                        finished.insert(partition)
                    }
                } catch let error as DamageFound {
                    setAside(partition, error.failure)
                } catch let error as TopicGone {
                    isIdle = try !giveUp(error) && isIdle
                }
            }
            try noteProgressIfDue()
            guard isIdle else {
                silence.end()
                continue
            }
            if plan.endsAtEnd, isAtEnd(targets) { break }
            let waiting = unfinished
            guard !waiting.isEmpty else { break }
            printer.output.flush()
            printer.output.lookForReader()
            guard !printer.output.isBroken else { break }
            if !plan.endsAtEnd {
                sayItWaits()
                tell(heldUp.takeDue(at: time.monotonicNanoseconds()))
            }
            signal = try log.waitForChange(
                since: signal,
                of: positions.filter { waiting.contains($0.key) },
                isolation: plan.isolation,
                timeout: .milliseconds(200)
            )
        }
    }

    var unfinished: [TopicPartition] { partitions.filter { !finished.contains($0) } }

    /// What is there once the time has come at which reading ends is all that was written before
    /// it; an answer from before may lack some of that.
    private mutating func noteTime() {
        guard !isTimeOver, case .time(let stop) = plan.stop, time.wallTime() >= stop else { return }
        isTimeOver = true
        log.forgetFetched()
    }

    /// What a person who waits should know.
    private mutating func sayItWaits() {
        guard !hasSaidItWaits, let note = log.waitingNote else { return }
        hasSaidItWaits = true
        TextOutput.error.write("note: \(note)\n")
    }

    /// What an open transaction keeps from readers of committed records.
    private mutating func noteHeldUp(_ partition: TopicPartition, _ bounds: PartitionBounds) {
        guard plan.isolation == .readCommitted else { return }
        heldUp.note(partition, bounds, at: time.monotonicNanoseconds())
    }

    /// At an end that was the end of what there was, the transactions that are still open, as far
    /// as the log tells.
    private mutating func tellWhatWaits() {
        guard plan.endsAtEnd, plan.stop == nil, remaining > 0, !printer.output.isBroken else {
            return
        }
        let before = heldUp.stableOffsets
        var now: [TopicPartition: Offset] = [:]
        for partition in before.keys {
            guard let bounds = try? log.bounds(of: partition) else { return }
            noteHeldUp(partition, bounds)
            now[partition] = bounds.lastStableOffset
        }
        tell(heldUp.all.filter { now[$0.partition] == before[$0.partition] })
    }

    private func tell(_ held: [HeldUpRecords.Held]) {
        for held in held {
            TextOutput.error.write(
                "note: \(held.partition): \(counted(Int(held.count), "offset")) behind what was "
                    + "printed \(held.count == 1 ? "waits" : "wait") for a transaction that is "
                    + "open: \(log.place.next("txn list"))\n"
            )
        }
    }

    /// One fetch of a partition; true if there is nothing more to print before `target`.
    private mutating func pass(_ partition: TopicPartition, target: Offset?) throws -> Bool {
        let position = positions[partition] ?? .zero
        if let target, position >= target { return true }
        if case .offset(let stop) = plan.stop, position >= stop {
            finished.insert(partition)
            return true
        }
        let result: FetchResult
        do throws(FetchFailure) {
            result = try log.fetch(
                partition,
                from: regained.removeValue(forKey: partition) ?? position,
                isolation: plan.isolation,
                into: buffer
            )
        } catch {
            switch error {
            case .gone(let failure): throw TopicGone(topic: partition.topic, failure: failure)
            case .leaderless(let failure):
                guard leaderless.isLong(partition, at: time.monotonicNanoseconds()) else {
                    return true
                }
                throw DamageFound(failure: failure)
            case .failed(let failure): throw DamageFound(failure: failure)
            case .damaged(let failure):
                guard let next = try readableBehind(partition, position) else {
                    throw DamageFound(failure: failure)
                }
                leaveOut(partition, to: next, failure)
                return false
            case .outOfRange(let bounds):
                guard position < bounds.logStart else {
                    throw DamageFound(failure: outOfRange(partition, position, bounds))
                }
            }
            // Retention was quicker than the reader.
            passedOver[partition] = nil
            positions[partition] = try readable(position, of: partition)
            return false
        }
        leaderless.end(partition)
        noteHeldUp(partition, result.bounds)
        guard result.byteCount > 0 else { return true }
        let bytes = UnsafeRawBufferPointer(buffer.bytes)
        do {
            try printBatches(
                UnsafeRawBufferPointer(rebasing: bytes[..<result.byteCount]),
                aborted: AbortedFilter(result.abortedTransactions),
                of: partition,
                below: end(of: result.bounds),
                target: target
            )
        } catch let error as RecordBatchError {
            let failure = damage(of: partition, error)
            guard let next = try readableBehind(partition, positions[partition] ?? position) else {
                throw DamageFound(failure: failure)
            }
            leaveOut(partition, to: next, failure)
        }
        return false
    }

    func damage(
        of partition: TopicPartition,
        at position: Offset? = nil,
        _ error: RecordBatchError
    ) -> CommandFailure {
        let position = position ?? positions[partition] ?? .zero
        return CommandFailure(
            "a batch is damaged",
            place: "\(partition) at or after offset \(position.rawValue)",
            reason: "\(error)",
            next: log.place.directory.map { nextCommand("log verify", data: $0) }
        )
    }

    private func outOfRange(
        _ partition: TopicPartition,
        _ position: Offset,
        _ bounds: PartitionBounds
    ) -> CommandFailure {
        CommandFailure(
            "the log refused",
            place: "\(partition)",
            reason: "offset \(position.rawValue) was asked for, there are "
                + "\(bounds.logStart.rawValue) to \(bounds.highWatermark.rawValue)"
        )
    }

    private mutating func printBatches(
        _ bytes: UnsafeRawBufferPointer,
        aborted: consuming AbortedFilter,
        of partition: TopicPartition,
        below end: Offset,
        target: Offset?
    ) throws {
        var aborted = aborted
        var batches = RecordBatchSequence(bytes)
        while remaining > 0, !finished.contains(partition), let batch = try batches.next() {
            guard batch.nextOffset > positions[partition] ?? .zero else { continue }
            // What came since the start has been fetched with what was there.
            if let target, positions[partition] ?? .zero >= target { return }
            do {
                try print(batch, &aborted, of: partition, target: target)
            } catch let error as RecordBatchError {
                // What a damaged header says is looked at, not believed.
                guard plan.skipsDamage, batch.nextOffset <= end else { throw error }
                let next = Regained(begin: batch.nextOffset, from: batch.nextOffset)
                leaveOut(partition, to: next, damage(of: partition, error))
            }
        }
    }

    private mutating func print(
        _ batch: RecordBatchView,
        _ aborted: inout AbortedFilter,
        of partition: TopicPartition,
        target: Offset?
    ) throws {
        try batch.verifyChecksum()
        if batch.attributes.isControl {
            try aborted.noteControl(of: batch)
        } else if plan.isolation == .readUncommitted || !aborted.hides(batch) {
            return try printRecords(of: batch, partition, target: target)
        }
        positions[partition] = batch.nextOffset
    }

    private mutating func printRecords(
        of batch: RecordBatchView,
        _ partition: TopicPartition,
        target: Offset?
    ) throws {
        let position = positions[partition] ?? .zero
        var passedOver = passedOver.removeValue(forKey: partition) ?? 0
        var records = try decompressor.records(of: batch, byteLimit: Self.decompressedByteLimit)
        while remaining > 0, let record = try records.next() {
            let offset = batch.offset(of: record)
            guard offset >= position else { continue }
            if let target, offset >= target {
                positions[partition] = target
                return
            }
            if let stop = plan.stop, stop.isReached(at: offset, batch.timestamp(of: record)) {
                positions[partition] = offset
                finished.insert(partition)
                return
            }
            guard passedOver == 0 else {
                passedOver -= 1
                continue
            }
            try printer.print(record, of: batch, partition: partition)
            positions[partition] = offset.advanced(by: 1)
            remaining -= 1
            // A reader that takes little at a time is behind by less than what was fetched.
            if remaining % Self.recordsPerLook == 0 { try noteProgressIfDue() }
        }
        if passedOver > 0 { self.passedOver[partition] = passedOver }
        if remaining > 0 { positions[partition] = batch.nextOffset }
    }
}
