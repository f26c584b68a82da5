import KafkaDirectory
import LogModel
import LogStorage
import Terminal

/// Prints the batches of a segment file, and the messages of the formats before batches.
struct SegmentDump: ~Copyable {
    private let showsRecords: Bool
    private let range: DumpRange
    private var decompressor = RecordDecompressor()
    /// How many batches and messages were in the range.
    private(set) var count = 0

    init(showsRecords: Bool, range: DumpRange) {
        self.showsRecords = showsRecords
        self.range = range
    }

    /// Prints one file; false where something of it is damaged, or cannot be read: what lies behind
    /// that is printed as far as it is found. One that is there no more was removed since it was
    /// listed.
    mutating func print(_ path: String, to output: inout BufferedOutput) -> Bool {
        output.append("\(path)\n")
        do throws(DiskError) {
            let file = try PosixDisk().open(path, .read)
            defer { file.close() }
            return try print(file, from: DumpRange.base(of: path) ?? .zero, to: &output)
        } catch .notFound {
            output.append("  note: retention or a cleaner has removed it meanwhile\n")
            return true
        } catch {
            output.append("  it cannot be read: \(error.words)\n")
            return false
        }
    }

    private mutating func print(
        _ file: any DiskFile,
        from base: Offset,
        to output: inout BufferedOutput
    ) throws(DiskError) -> Bool {
        var least = base
        var scanner = EntryScanner(file: file, to: try file.byteCount())
        var behind: Offset?
        var expected: Offset?
        var isWhole = true
        while true {
            let position = scanner.position
            switch try scanner.next() {
            case .end: return isWhole
            case .bad(let reason):
                if try scanner.isZeroToEnd() {
                    output.append("  zeros from byte \(position) to \(scanner.end)\n")
                    return isWhole
                }
                output.append("  damaged at byte \(position) of \(scanner.end): \(reason)\n")
                isWhole = false
                guard try Self.pass(&scanner, toOneFrom: least) else { return false }
                (behind, expected) = (nil, nil)
            case .entry(let entry):
                // Where one begins as the one before has it, its own end is where the next begins.
                let isExpected = expected == entry.firstOffset
                let next = entry.lastOffset.advanced(by: 1)
                expected = next
                least = next
                let isReached = range.isReached(by: Self.begin(of: entry))
                // Behind one offset that is damaged others of the range may follow; behind two that
                // ascend there is nothing of it.
                if isReached, let behind, entry.firstOffset > behind { return isWhole }
                behind = isReached ? entry.lastOffset : nil
                guard !isReached, !range.isBehind(entry.lastOffset) else {
                    if isReached, isExpected { return isWhole }
                    scanner.advance(by: entry.byteCount)
                    continue
                }
                count += 1
                switch entry {
                case .batch(let batch): describe(batch, at: position, to: &output)
                case .message(let message, let byteCount):
                    describe(message, byteCount: byteCount, at: position, to: &output)
                }
                do throws(RecordBatchError) {
                    if showsRecords { try describeRecords(of: entry, to: &output) }
                } catch {
                    output.append("  damaged at byte \(position) of \(scanner.end): \(error)\n")
                    isWhole = false
                }
                if isExpected, range.isReached(by: next) { return isWhole }
                scanner.advance(by: entry.byteCount)
            }
        }
    }

    /// Steps to what lies behind damage: where its length leads, or else to the next whole batch
    /// of such an offset or a later one; false for none.
    private static func pass(
        _ scanner: inout EntryScanner,
        toOneFrom offset: Offset
    ) throws(DiskError) -> Bool {
        if try scanner.passDamage() { return true }
        guard case .found = try scanner.findNext(atLeast: offset) else { return false }
        return true
    }

    /// The first offset that an entry may have: a message around others tells its last one alone.
    private static func begin(of entry: StoredEntry) -> Offset {
        guard case .message(let message, _) = entry, (try? message.codec()) != CompressionCodec.none
        else { return entry.firstOffset }
        return .zero
    }

    private func describe(
        _ message: LegacyMessage,
        byteCount: Int,
        at position: Int64,
        to output: inout BufferedOutput
    ) {
        var line = "  offset \(message.offset.rawValue) byte \(position) size \(byteCount)"
        line += " time \(message.timestamp.rawValue) message format \(message.magic)"
        if let codec = try? message.codec(), codec != .none { line += " \(codec)" }
        output.append(line + "\n")
    }

    private func describe(
        _ batch: RecordBatchView,
        at position: Int64,
        to output: inout BufferedOutput
    ) {
        let attributes = batch.attributes
        var line = "  offsets \(batch.baseOffset.rawValue)-\(batch.lastOffset.rawValue)"
        line += " records \(batch.recordCount) byte \(position) size \(batch.byteCount)"
        line += " time \(batch.maxTimestamp.rawValue)"
        if batch.producerID != .none {
            line += " producer \(batch.producerID.rawValue) epoch \(batch.producerEpoch.rawValue)"
            line += " sequence \(batch.baseSequence.rawValue)"
        }
        if let codec = CompressionCodec(rawValue: attributes.codecNumber), codec != .none {
            line += " \(codec)"
        }
        if attributes.isTransactional { line += " transactional" }
        if attributes.isControl { line += " control" }
        output.append(line + "\n")
    }

    private mutating func describeRecords(
        of entry: StoredEntry,
        to output: inout BufferedOutput
    ) throws(RecordBatchError) {
        if case .batch(let batch) = entry, let marker = try? EndTransactionMarker(batch) {
            output.append("    \(marker.result) by coordinator \(marker.coordinatorEpoch)\n")
            return
        }
        var lines: [String] = []
        try entry.forEachRecord(&decompressor) { record in
            guard range.holds(record.offset) else { return }
            lines.append(
                "    offset \(record.offset.rawValue) time \(record.timestamp.rawValue) "
                    + "key \(Self.shown(record.key)) value \(Self.shown(record.value))"
                    + "\(Self.shown(headers: record.headers))\n"
            )
        }
        for line in lines { output.append(line) }
    }

    /// ` headers name=value,name=value`; nothing for none.
    private static func shown(headers: UnsafeRawBufferPointer?) -> String {
        guard let headers else { return "" }
        var iterator = RecordHeaderIterator(headers)
        var parts: [String] = []
        while let header = iterator.next() {
            parts.append("\(shown(header.key))=\(shown(header.value))")
        }
        return parts.isEmpty ? "" : " headers \(parts.joined(separator: ","))"
    }

    /// Text where it is printable text, hexadecimal digits otherwise.
    private static func shown(_ bytes: UnsafeRawBufferPointer?) -> String {
        guard let bytes else { return "null" }
        if let text = String(validating: bytes, as: UTF8.self), visible(text) == text {
            return "'\(text)'"
        }
        return "0x" + hexText(bytes)
    }
}
