import LogModel
import Terminal

/// Prints records as a format says.
struct RecordPrinter: ~Copyable {
    private let format: RecordFormat
    private let keyFormat: ValueFormat
    private let valueFormat: ValueFormat
    var output = BufferedOutput(.standard)

    init(format: RecordFormat, key: ValueFormat, value: ValueFormat) {
        self.format = format
        keyFormat = key
        valueFormat = value
    }

    /// Prints one record of `batch`, or nothing of one that is not what the formats say.
    mutating func print(
        _ record: RecordView,
        of batch: RecordBatchView,
        partition: TopicPartition
    ) throws(CommandFailure) {
        if format.parts.contains(.key), let key = record.key, !keyFormat.fits(key) {
            throw mismatch("key", key.count, keyFormat, record, batch, partition)
        }
        if format.parts.contains(.value), let value = record.value, !valueFormat.fits(value) {
            throw mismatch("value", value.count, valueFormat, record, batch, partition)
        }
        for part in format.parts {
            switch part {
            case .text(let text): output.append(text)
            case .topic: output.append(partition.topic)
            case .partition: output.append("\(partition.partition.rawValue)")
            case .offset: output.append("\(batch.offset(of: record).rawValue)")
            case .timestamp: output.append("\(batch.timestamp(of: record).rawValue)")
            case .headers: appendHeaders(record.headers)
            case .keyByteCount: output.append("\(record.key?.count ?? -1)")
            case .valueByteCount: output.append("\(record.value?.count ?? -1)")
            case .key:
                if let key = record.key { keyFormat.append(key, to: &output) }
            case .value:
                if let value = record.value { valueFormat.append(value, to: &output) }
            }
        }
    }

    /// `name=value,name=value`, as kcat does.
    private mutating func appendHeaders(_ block: UnsafeRawBufferPointer) {
        var headers = RecordHeaderIterator(block)
        var isFirst = true
        while let header = headers.next() {
            if !isFirst { output.append(",") }
            isFirst = false
            output.append(header.key)
            output.append("=")
            if let value = header.value { output.append(value) }
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
            reason: "it has \(byteCount) bytes",
            next: "print it with --\(what) hex"
        )
    }
}
