import Broker
import Bytes
import KafkaDirectory
import LogModel
import LogStorage
import StreamsRuntime

/// Copies the batches of one partition, each to its own offset.
struct PartitionImport: ~Copyable {
    /// What came of it.
    struct Outcome {
        var recordCount = 0
        var abortedRecordCount = 0
        /// Of transactions that had not ended.
        var unstableRecordCount = 0
        var markerCount = 0
        var logStart = Offset.zero
        /// Where the next record goes.
        var end = Offset.zero
        var findings: [KafkaFinding] = []
    }

    private let broker: Broker
    private let partition: KafkaPartition
    private let survey: PartitionSurvey
    private let isRaw: Bool
    /// Nil where there are no notes about dead letters.
    private let notes: NoteTranslation?
    private let stop: StopSwitch
    private var outcome = Outcome()
    private var legacy = LegacyBatch()
    private var decompressor = RecordDecompressor()
    private var copy: [UInt8] = []

    init(
        broker: Broker,
        partition: KafkaPartition,
        survey: PartitionSurvey,
        isRaw: Bool,
        notes: NoteTranslation?,
        stop: StopSwitch
    ) {
        self.broker = broker
        self.partition = partition
        self.survey = survey
        self.isRaw = isRaw
        self.notes = notes
        self.stop = stop
    }

    /// Copies what a read_committed reader sees, or all of it as it lies; durable on return.
    consuming func run(disk: any Disk) throws -> Outcome {
        try broker.beginImport(of: partition.name, at: survey.logStart)
        var reader = PartitionReader(partition, disk: disk)
        while let entry = try reader.next(), entry.firstOffset < survey.logEnd {
            if stop.isRequested { throw ImportStopped() }
            guard entry.lastOffset >= survey.logStart else { continue }
            try take(entry)
        }
        try flushLegacy()
        outcome.logStart = survey.logStart
        outcome.end = isRaw ? survey.logEnd : survey.lastStableOffset
        if isRaw { try writePendingMarkers() }
        outcome.findings = survey.findings
        try fillUpToEnd()
        try broker.flush([partition.name])
        try broker.sealImport(of: partition.name)
        if outcome.logStart > .zero {
            try broker.deleteRecords(of: partition.name, before: outcome.logStart)
        }
        return outcome
    }

    private mutating func take(_ entry: StoredEntry) throws {
        guard case .batch(let batch) = entry else { return try takeLegacy(entry) }
        // Of the batch that holds the log's start some lie before it.
        let shownCount = survey.logStart.rawValue.distance(to: batch.lastOffset.rawValue) + 1
        let recordCount = max(0, min(Int(batch.recordCount), shownCount))
        if !isRaw {
            switch survey.verdict(of: entry) {
            case .visible: break
            case .control:
                outcome.markerCount += 1
                return
            case .aborted:
                outcome.abortedRecordCount += recordCount
                return
            case .unstable:
                if !entry.isControl { outcome.unstableRecordCount += recordCount }
                return
            }
        }
        try flushLegacy()
        if entry.isControl {
            outcome.markerCount += 1
        } else {
            outcome.recordCount += recordCount
        }
        copy.removeAll(keepingCapacity: true)
        if !entry.isControl, let translated = try notes?.translated(batch, &decompressor) {
            copy = translated
        } else {
            copy.append(contentsOf: batch.bytes)
        }
        let (broker, name, isRaw) = (broker, partition.name, isRaw)
        let largest = isRaw ? nil : try timestampThatTheHeaderLacks(batch)
        try copy.withUnsafeMutableBytes { bytes in
            if !isRaw { Self.forgetProducer(bytes, largestTimestamp: largest) }
            try broker.importBatch(bytes, to: name)
        }
    }

    /// The largest timestamp of the records, where the header claims another one, as some clients
    /// write it (0 or -1): retention would count from that, and delete fresh records.
    private mutating func timestampThatTheHeaderLacks(
        _ batch: RecordBatchView
    ) throws -> Timestamp? {
        let attributes = batch.attributes
        guard batch.recordCount > 0, !attributes.isControl, !attributes.isLogAppendTime else {
            return nil
        }
        var records = try decompressor.records(of: batch, byteLimit: BatchLimit.recordByteCount)
        var largest: Timestamp?
        while let record = try records.next() {
            let timestamp = batch.timestamp(of: record)
            largest = largest.map { max($0, timestamp) } ?? timestamp
        }
        return largest == batch.maxTimestamp ? nil : largest
    }

    /// Takes the producer and its transaction out of a batch's header: all that is left is
    /// committed. The records stay as they are, compressed or not.
    private static func forgetProducer(
        _ batch: UnsafeMutableRawBufferPointer,
        largestTimestamp: Timestamp?
    ) {
        guard batch.count >= RecordBatchLayout.headerByteCount, let p = batch.baseAddress else {
            return
        }
        let attributes = UnsafeRawPointer(p).bigEndian(
            UInt16.self,
            at: RecordBatchLayout.attributes
        )
        let transactional = BatchAttributes(isTransactional: true).rawValue
        p.storeBigEndian(attributes & ~transactional, at: RecordBatchLayout.attributes)
        if let largestTimestamp {
            p.storeBigEndian(largestTimestamp.rawValue, at: RecordBatchLayout.maxTimestamp)
        }
        p.storeBigEndian(ProducerID.none.rawValue, at: RecordBatchLayout.producerID)
        p.storeBigEndian(ProducerEpoch.none.rawValue, at: RecordBatchLayout.producerEpoch)
        p.storeBigEndian(SequenceNumber.none.rawValue, at: RecordBatchLayout.baseSequence)
        let summed = UnsafeRawBufferPointer(
            rebasing: UnsafeRawBufferPointer(batch)[RecordBatchLayout.attributes...]
        )
        p.storeBigEndian(crc32c(summed), at: RecordBatchLayout.checksum)
    }

    // MARK: Messages of the old formats

    private mutating func takeLegacy(_ entry: StoredEntry) throws {
        if !isRaw, survey.verdict(of: entry) == .unstable {
            outcome.unstableRecordCount += 1
            return
        }
        // Collected first: a batch may have to be sealed between two of them.
        var messages: [LegacyMessage] = []
        guard case .message(let wrapper, _) = entry else { return }
        messages = try wrapper.unwrapped(
            decompressor: &decompressor,
            byteLimit: BatchLimit.recordByteCount
        )
        for message in messages {
            if legacy.isFull || !legacy.canHold(message.offset) { try flushLegacy() }
            if message.offset >= survey.logStart { outcome.recordCount += 1 }
            Self.lend(message) { legacy.append($0) }
        }
    }

    private static func lend(_ message: LegacyMessage, _ body: (StoredMessage) -> Void) {
        let noHeaders: [UInt8] = [0]
        noHeaders.withUnsafeBytes { noHeaders in
            withBytes(message.key) { key in
                withBytes(message.value) { value in
                    body(
                        StoredMessage(
                            offset: message.offset,
                            timestamp: message.timestamp,
                            key: key,
                            value: value,
                            noHeaders: noHeaders
                        )
                    )
                }
            }
        }
    }

    private static func withBytes(
        _ bytes: [UInt8]?,
        _ body: (UnsafeRawBufferPointer?) -> Void
    ) {
        guard let bytes else { return body(nil) }
        bytes.withUnsafeBytes { body($0) }
    }

    private mutating func flushLegacy() throws {
        guard !legacy.isEmpty else { return }
        try broker.importBatch(legacy.seal(), to: partition.name)
        legacy.reset()
    }

    // MARK: The end

    /// Ends transactions as Kafka's coordinator has decided, where its markers are not there yet.
    private mutating func writePendingMarkers() throws {
        for (decision, coordinatorEpoch) in survey.pendingEnds {
            try fillUpToEnd()
            var builder = RecordBatchBuilder(capacity: 256)
            let marker = EndTransactionMarker(
                result: decision.result,
                coordinatorEpoch: coordinatorEpoch
            )
            let batch = marker.seal(
                in: &builder,
                timestamp: broker.clock.wallTime(),
                producerID: decision.producerID,
                producerEpoch: decision.epoch,
                baseOffset: outcome.end
            )
            try broker.importBatch(batch, to: partition.name)
            outcome.markerCount += 1
            outcome.end = outcome.end.advanced(by: 1)
        }
    }

    /// Appends a batch without records, as Kafka's cleaner leaves them, where the last offsets hold
    /// nothing that is brought over: the next record must not get an offset that was used.
    private func fillUpToEnd() throws {
        guard try broker.bounds(of: partition.name).logEnd < outcome.end else { return }
        var builder = RecordBatchBuilder()
        let batch = builder.seal(
            as: RecordBatchHeader(
                baseOffset: outcome.end.advanced(by: -1),
                leaderEpoch: LeaderEpoch(0),
                attributes: BatchAttributes(),
                lastOffsetDelta: 0,
                baseTimestamp: .none,
                maxTimestamp: .none,
                producerID: .none,
                producerEpoch: .none,
                baseSequence: .none,
                recordCount: 0
            )
        )
        try broker.importBatch(batch, to: partition.name)
    }
}
