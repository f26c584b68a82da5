import JSON
import LogModel
import Telemetry
import Terminal

/// How records are printed.
enum RecordStyle: Sendable {
    case text(RecordText)
    /// An object a line, see `RecordJSONWriter`.
    case json
    /// Key and value as bytes, see `LengthPrefixedRecord`.
    case lengthPrefixed
}

/// How records are printed as text.
struct RecordText: Sendable {
    var format: RecordFormat
    var key = ValueFormat.utf8
    var value = ValueFormat.utf8
    var time = TimeFormat.milliseconds
    /// What is printed for a key or value that is null, and for the value of a header.
    var null: [UInt8] = []
}

/// How timestamps are printed.
enum TimeFormat: String, CaseIterable, Sendable {
    /// Since 1970.
    case milliseconds = "ms"
    /// `2013-01-31T05:00:00.000Z`.
    case iso

    /// A record that has no time has Kafka's number for that, -1, or a dash.
    func text(of time: Timestamp) -> String {
        switch self {
        case .milliseconds: "\(time.rawValue)"
        case .iso where time == .none: "-"
        case .iso: CalendarTime(millisecondsSince1970: time.rawValue).text
        }
    }
}

/// Prints records as a style says.
struct RecordPrinter: ~Copyable {
    private let style: RecordStyle
    private var json = RecordJSONWriter()
    var output: BufferedOutput

    /// Where a group notes what was printed, little is printed at once: its reader may be slow.
    init(_ style: RecordStyle, forGroup: Bool = false, to output: TextOutput = .standard) {
        self.style = style
        self.output = BufferedOutput(output, byteLimit: forGroup ? 4096 : 1 << 16)
    }

    /// Prints one record of `batch`, or nothing of one that is not what the formats say.
    mutating func print(
        _ record: RecordView,
        of batch: RecordBatchView,
        partition: TopicPartition
    ) throws(CommandFailure) {
        switch style {
        case .text(let text): try print(record, of: batch, partition, as: text)
        case .lengthPrefixed:
            append(lengthPrefixed: record.key)
            append(lengthPrefixed: record.value)
        case .json:
            do throws(JSONError) {
                output.append(try json.line(of: record, in: batch, partition))
            } catch {
                throw CommandFailure(
                    "a record has no JSON",
                    place: "\(partition) at offset \(batch.offset(of: record).rawValue)",
                    reason: "\(error)"
                )
            }
        }
    }

    private mutating func print(
        _ record: RecordView,
        of batch: RecordBatchView,
        _ partition: TopicPartition,
        as text: RecordText
    ) throws(CommandFailure) {
        let parts = text.format.parts
        if parts.contains(.key), let key = record.key, !text.key.fits(key) {
            throw mismatch("key", key.count, text.key, record, batch, partition)
        }
        if parts.contains(.value), let value = record.value, !text.value.fits(value) {
            throw mismatch("value", value.count, text.value, record, batch, partition)
        }
        for part in parts {
            switch part {
            case .text(let bytes): append(bytes)
            case .topic: output.append(partition.topic)
            case .partition: output.append("\(partition.partition.rawValue)")
            case .offset: output.append("\(batch.offset(of: record).rawValue)")
            case .timestamp: output.append(text.time.text(of: batch.timestamp(of: record)))
            case .headers: appendHeaders(record.headers, null: text.null)
            case .keyByteCount: output.append("\(record.key?.count ?? -1)")
            case .valueByteCount: output.append("\(record.value?.count ?? -1)")
            case .key: append(record.key, as: text.key, null: text.null)
            case .value: append(record.value, as: text.value, null: text.null)
            }
        }
    }

    private mutating func append(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { output.append($0) }
    }

    private mutating func append(lengthPrefixed part: UnsafeRawBufferPointer?) {
        withUnsafeBytes(of: LengthPrefixedRecord.length(of: part)) { output.append($0) }
        if let part { output.append(part) }
    }

    private mutating func append(
        _ bytes: UnsafeRawBufferPointer?,
        as format: ValueFormat,
        null: [UInt8]
    ) {
        if let bytes { format.append(bytes, to: &output) } else { append(null) }
    }

    /// `name=value,name=value`, as kcat does.
    private mutating func appendHeaders(_ block: UnsafeRawBufferPointer, null: [UInt8]) {
        var headers = RecordHeaderIterator(block)
        var isFirst = true
        while let header = headers.next() {
            if !isFirst { output.append(",") }
            isFirst = false
            output.append(header.key)
            output.append("=")
            append(header.value, as: .utf8, null: null)
        }
    }

    private func mismatch(
        _ what: String,
        _ byteCount: Int,
        _ format: ValueFormat,
        _ record: RecordView,
        _ batch: RecordBatchView,
        _ partition: TopicPartition
    ) -> CommandFailure {
        CommandFailure(
            "a \(what) is no \(format.rawValue)",
            place: "\(partition) at offset \(batch.offset(of: record).rawValue)",
            reason: "it has \(counted(byteCount, "byte"))",
            next: "print it with --\(what) hex"
        )
    }
}
