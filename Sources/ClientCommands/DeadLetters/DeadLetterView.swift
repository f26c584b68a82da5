import Glibc
import LogModel
import Streams

/// Where a dead letter lies.
struct LetterPlace: Equatable {
    let partition: TopicPartition
    let offset: Offset
}

/// A dead letter as it lies in a batch, with what its headers tell. They come from outside: each
/// may be absent, and hold anything.
struct DeadLetterView {
    /// What a header of a dead letter is about.
    enum Field: Int, CaseIterable {
        case exception, message, topic, partition, offset
        case reason, job, operatorName, timestamp, attempts, firstFailedAt, lastFailedAt, leftOut
        case replayID

        fileprivate var header: String {
            switch self {
            case .exception: DeadLetterHeader.exception
            case .message: DeadLetterHeader.message
            case .topic: DeadLetterHeader.topic
            case .partition: DeadLetterHeader.partition
            case .offset: DeadLetterHeader.offset
            case .reason: DeadLetterHeader.reason
            case .job: DeadLetterHeader.job
            case .operatorName: DeadLetterHeader.operatorName
            case .timestamp: DeadLetterHeader.timestamp
            case .attempts: DeadLetterHeader.attempts
            case .firstFailedAt: DeadLetterHeader.firstFailedAt
            case .lastFailedAt: DeadLetterHeader.lastFailedAt
            case .leftOut: DeadLetterHeader.leftOut
            case .replayID: DeadLetterHeader.replayID
            }
        }
    }

    /// The headers that are read.
    static let allHeaders = Field.allCases.map(\.header)

    let place: LetterPlace
    /// The record's own, which is that of the record that failed.
    let time: Timestamp
    let key: UnsafeRawBufferPointer?
    let value: UnsafeRawBufferPointer?
    let headers: UnsafeRawBufferPointer
    fileprivate let fields: [UnsafeRawBufferPointer?]

    /// The bytes of a header; nil where there is none. Of several the last counts: the engine
    /// writes its own behind those that the record came with.
    subscript(field: Field) -> UnsafeRawBufferPointer? { fields[field.rawValue] }

    /// Whether the record is a dead letter at all: of a failure it has one header at least. That a
    /// record was replayed is no failure.
    var isLetter: Bool {
        Field.allCases.contains { $0 != .replayID && self[$0] != nil }
    }

    /// A header's text, for comparing.
    func text(_ field: Field) -> String? {
        self[field].map { String(decoding: $0, as: UTF8.self) }
    }

    /// A header's number; nil where it is none.
    func number(_ field: Field) -> Int64? {
        guard let bytes = self[field], bytes.count <= 20 else { return nil }
        return Int64(String(decoding: bytes, as: UTF8.self))
    }

    /// When it became a dead letter.
    var arrival: Timestamp { time(.lastFailedAt) ?? time }

    /// When its record failed first, through every replay.
    var firstFailure: Timestamp { time(.firstFailedAt) ?? arrival }

    private func time(_ field: Field) -> Timestamp? {
        number(field).flatMap { $0 >= 0 ? Timestamp($0) : nil }
    }

    /// The partition that the record was read from; nil where the headers name none.
    var source: (partition: TopicPartition, offset: Offset?)? {
        guard let topic = text(.topic), TopicName.problem(with: topic) == nil,
            let number = number(.partition),
            let index = Int32(exactly: number), index >= 0
        else { return nil }
        let offset = self.number(.offset).flatMap { $0 >= 0 ? Offset($0) : nil }
        return (TopicPartition(topic, PartitionIndex(index)), offset)
    }
}

extension DeadLetterView {
    /// The time of the record that failed, also where the topic of dead letters keeps another.
    var recordTime: Timestamp { number(.timestamp).map { Timestamp($0) } ?? time }

    /// Whether its topic had no room for the key.
    var lacksKey: Bool {
        text(.leftOut)?.split(separator: ",").contains { $0 == "key" } ?? false
    }

    /// Whether all that it knows of its record is so of this one.
    func mayBe(of record: RecordView, in batch: RecordBatchView) -> Bool {
        if let time = number(.timestamp), time != batch.timestamp(of: record).rawValue {
            return false
        }
        guard !lacksKey else { return true }
        guard let key, let other = record.key else { return key == nil && record.key == nil }
        return key.elementsEqual(other)
    }
}

/// Reads dead letters out of records, without memory of its own for each.
struct DeadLetterReader {
    private typealias Name = (field: DeadLetterView.Field, bytes: [UInt8])

    /// The headers' names by their lengths.
    private static let names: [[Name]] = {
        let all = DeadLetterView.Field.allCases.map { Name($0, Array($0.header.utf8)) }
        let longest = all.map(\.bytes.count).max() ?? 0
        return (0...longest).map { count in all.filter { $0.bytes.count == count } }
    }()

    private let names = Self.names
    private var fields = [UnsafeRawBufferPointer?](
        repeating: nil,
        count: DeadLetterView.Field.allCases.count
    )

    /// The dead letter that a record of `batch` is; it lives as long as the batch's memory.
    mutating func letter(
        _ record: RecordView,
        of batch: RecordBatchView,
        in partition: TopicPartition
    ) -> DeadLetterView {
        for index in fields.indices { fields[index] = nil }
        var iterator = RecordHeaderIterator(record.headers)
        while let header = iterator.next() {
            let key = header.key
            guard let base = key.baseAddress, key.count > 0, key.count < names.count,
                base.load(as: UInt8.self) == UInt8(ascii: "_")
            else { continue }
            for name in names[key.count] where memcmp(base, name.bytes, key.count) == 0 {
                fields[name.field.rawValue] = header.value
            }
        }
        return DeadLetterView(
            place: LetterPlace(partition: partition, offset: batch.offset(of: record)),
            time: batch.timestamp(of: record),
            key: record.key,
            value: record.value,
            headers: record.headers,
            fields: fields
        )
    }
}
