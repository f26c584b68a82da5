package import Bytes
package import LogModel

/// What was done about dead letters of one partition, as a record of the audit topic tells it.
///
///     key       the partition of the dead letters, as decimal text
///     value     their offsets: `0-99,101,140-141`
///     headers   version, action, id, topic-id, by, and where they apply: where, to, reason
package struct AuditRecord: Equatable {
    package enum Action: String {
        case replay
        case park
        case drop
    }

    /// What a record says of the command that wrote it.
    package struct Cause: Equatable {
        package var action: Action
        /// Of the command's run.
        package var id: String
        /// Which topic of its name the dead letters lie in; nil where that is not told.
        package var topicID: UniqueID?
        /// Who gave the command: a user and a host.
        package var author: String
        package var conditions: String?
        package var target: String?
        package var reason: String?

        package init(
            action: Action,
            id: String,
            topicID: UniqueID? = nil,
            author: String,
            conditions: String? = nil,
            target: String? = nil,
            reason: String? = nil
        ) {
            self.action = action
            self.id = id
            self.topicID = topicID
            self.author = author
            self.conditions = conditions
            self.target = target
            self.reason = reason
        }
    }

    package var cause: Cause
    package var partition: PartitionIndex
    package var offsets: OffsetRanges

    private enum Header {
        /// What all of them begin with.
        static let prefix = "__millrace.audit."
        static let version = "__millrace.audit.version"
        static let action = "__millrace.audit.action"
        static let id = "__millrace.audit.id"
        static let topicID = DeadLetterNoteName.topicID
        static let author = "__millrace.audit.by"
        static let conditions = "__millrace.audit.where"
        static let target = "__millrace.audit.to"
        static let reason = "__millrace.audit.reason"
    }

    private static let currentVersion = "1"
    /// A text of a person is cut: with the offsets it has to fit into a batch.
    package static let textByteLimit = 4096

    // MARK: Bytes

    package func append(to batch: inout RecordBatchBuilder, at time: Timestamp) {
        var block = RecordHeaderBlock()
        let all = [
            (Header.version, Self.currentVersion), (Header.action, cause.action.rawValue),
            (Header.id, cause.id), (Header.topicID, cause.topicID?.description),
            (Header.author, cause.author), (Header.conditions, cause.conditions),
            (Header.target, cause.target), (Header.reason, cause.reason),
        ]
        for case (let name, let text?) in all {
            block.append(key: name, text: text, byteLimit: Self.textByteLimit)
        }
        var key = "\(partition.rawValue)"
        var value = offsets.text
        key.withUTF8 { key in
            value.withUTF8 { value in
                block.withBytes { headers in
                    batch.append(
                        timestamp: time,
                        key: UnsafeRawBufferPointer(key),
                        value: UnsafeRawBufferPointer(value),
                        headers: headers
                    )
                }
            }
        }
    }

    /// Reads a record; nil of one that is none of ours, or of a later version.
    package init?(_ record: RecordView) {
        var texts: [String: String] = [:]
        var iterator = RecordHeaderIterator(record.headers)
        while let header = iterator.next() {
            guard let value = header.value, value.count <= Self.textByteLimit else { return nil }
            texts[String(decoding: header.key, as: UTF8.self)] =
                String(decoding: value, as: UTF8.self)
        }
        guard texts[Header.version] == Self.currentVersion,
            let action = texts[Header.action].flatMap(Action.init),
            let id = texts[Header.id],
            let partition = record.key.flatMap(Self.partition),
            let value = record.value,
            let offsets = OffsetRanges(String(decoding: value, as: UTF8.self))
        else { return nil }
        cause = Cause(
            action: action,
            id: id,
            topicID: texts[Header.topicID].flatMap { UniqueID($0) },
            author: texts[Header.author] ?? "",
            conditions: texts[Header.conditions],
            target: texts[Header.target],
            reason: texts[Header.reason]
        )
        self.partition = partition
        self.offsets = offsets
    }

    /// Whether no command of ours can have written a record: it has none of a note's headers, and
    /// not both key and value of one either, as a note has that was copied without its headers.
    package static func isForeign(_ record: RecordView) -> Bool {
        var iterator = RecordHeaderIterator(record.headers)
        while let header = iterator.next() {
            if header.key.starts(with: Header.prefix.utf8) { return false }
        }
        guard let key = record.key, let value = record.value else { return true }
        return partition(key) == nil
            || OffsetRanges(String(decoding: value, as: UTF8.self)) == nil
    }

    private static func partition(_ key: UnsafeRawBufferPointer) -> PartitionIndex? {
        guard key.count <= 10, let number = Int32(String(decoding: key, as: UTF8.self)),
            number >= 0
        else { return nil }
        return PartitionIndex(number)
    }

    package init(cause: Cause, partition: PartitionIndex, offsets: OffsetRanges) {
        self.cause = cause
        self.partition = partition
        self.offsets = offsets
    }
}

/// Offsets as ranges, in the order in which they came.
package struct OffsetRanges: Equatable {
    package private(set) var ranges: [ClosedRange<Int64>] = []

    package init() {}

    package var isEmpty: Bool { ranges.isEmpty }

    /// Adds the next offset.
    package mutating func append(_ offset: Offset) {
        let offset = offset.rawValue
        if let last = ranges.last, last.upperBound < Int64.max, offset == last.upperBound + 1 {
            ranges[ranges.count - 1] = last.lowerBound...offset
        } else {
            ranges.append(offset...offset)
        }
    }

    package var text: String {
        ranges.map { range in
            range.lowerBound == range.upperBound
                ? "\(range.lowerBound)" : "\(range.lowerBound)-\(range.upperBound)"
        }.joined(separator: ",")
    }

    package init?(_ text: String) {
        for part in text.utf8.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false)
        {
            let ends = part.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
            guard ends.count <= 2, let first = Self.number(ends[0]),
                let last = ends.count == 2 ? Self.number(ends[1]) : first, first <= last
            else { return nil }
            ranges.append(first...last)
        }
    }

    /// Digits alone: a number of 64 bits from 0 on.
    private static func number(_ digits: Substring.UTF8View) -> Int64? {
        guard let first = digits.first, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first)
        else { return nil }
        return Int64(Substring(digits))
    }
}

extension RecordHeaderBlock {
    /// Appends a text, cut behind a whole character where it is longer than `byteLimit`.
    package mutating func append(key: String, text: String, byteLimit: Int = Int.max) {
        var text = text
        text.withUTF8 { bytes in
            var count = min(bytes.count, byteLimit)
            while count < bytes.count, count > 0, bytes[count] & 0xC0 == 0x80 { count -= 1 }
            append(
                key: key,
                value: UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(bytes)[..<count])
            )
        }
    }
}
