import LogModel
import Streams

@testable import ClientCommands

/// Dead letters in a batch in memory, as a scan lends them.
struct LetterBatch {
    typealias Header = (name: String, value: [UInt8]?)

    private var letters: [(key: [UInt8]?, value: [UInt8]?, headers: [Header], time: Int64)] = []

    mutating func add(
        _ headers: [(String, String)],
        key: String? = "k",
        value: String? = "v",
        at time: Int64 = 0
    ) {
        addBytes(
            headers.map { ($0.0, Array($0.1.utf8)) },
            key: key.map { Array($0.utf8) },
            value: value.map { Array($0.utf8) },
            at: time
        )
    }

    mutating func addBytes(_ headers: [Header], key: [UInt8]?, value: [UInt8]?, at time: Int64) {
        letters.append((key, value, headers, time))
    }

    /// Lends each record of the batch, whose offsets begin at 0.
    func forEachRecord(_ body: (RecordView, RecordBatchView) throws -> Void) throws {
        var builder = RecordBatchBuilder()
        for letter in letters {
            var block = RecordHeaderBlock()
            for header in letter.headers {
                let value = header.value ?? []
                value.withUnsafeBytes { bytes in
                    block.append(key: header.name, value: header.value == nil ? nil : bytes)
                }
            }
            (letter.key ?? []).withUnsafeBytes { key in
                (letter.value ?? []).withUnsafeBytes { value in
                    block.withBytes { headers in
                        builder.append(
                            timestamp: Timestamp(letter.time),
                            key: letter.key == nil ? nil : key,
                            value: letter.value == nil ? nil : value,
                            headers: headers
                        )
                    }
                }
            }
        }
        let batch = try RecordBatchView(UnsafeRawBufferPointer(builder.seal()))
        var records = try batch.records()
        while let record = try records.next() { try body(record, batch) }
    }

    /// Lends each as a dead letter of partition 0.
    func forEachLetter(_ body: (DeadLetterView) throws -> Void) throws {
        var reader = DeadLetterReader()
        let partition = TopicPartition("letters", PartitionIndex(0))
        try forEachRecord { record, batch in
            try body(reader.letter(record, of: batch, in: partition))
        }
    }
}
