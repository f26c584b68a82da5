import LogModel

/// What a dead letter tells about a failure.
struct DeadLetter {
    let exception: String
    let message: String
    let reason: String
    let operatorName: String
    private(set) var attempts: Int
    private(set) var firstFailedAt: Timestamp
    let lastFailedAt: Timestamp

    /// What there is no room for in a letter's topic.
    enum Omission: Int, CaseIterable {
        case nothing, value, valueAndHeaders, all

        var words: String? {
            switch self {
            case .nothing: nil
            case .value: "value"
            case .valueAndHeaders: "value,headers"
            case .all: "value,headers,key"
            }
        }
    }

    /// The same of a record that was a dead letter of this topic before: its tries count on, and
    /// when it failed first stays.
    func countingOn(from headers: UnsafeRawBufferPointer?, in topic: String) -> DeadLetter {
        guard let headers, let earlier = ReplayedLetter(headers), earlier.topic == topic else {
            return self
        }
        var letter = self
        letter.attempts =
            attempts.addingReportingOverflow(earlier.attempts).overflow
            ? Int.max : attempts + earlier.attempts
        letter.firstFailedAt = min(firstFailedAt, earlier.firstFailedAt ?? firstFailedAt)
        return letter
    }

    /// The headers that the record came with, without those of an earlier failure, then those of
    /// this one. A failure behind a timer has no record: then nothing tells of one.
    func headers(
        job: String,
        topic: String?,
        _ source: TaskErrors.Source?,
        partition: PartitionIndex,
        offset: Offset,
        without omission: Omission
    ) -> RecordHeaderBlock {
        var block = RecordHeaderBlock()
        if let headers = source?.headers {
            let isWhole = omission.rawValue < Omission.valueAndHeaders.rawValue
            Self.copy(headers, to: &block, onlyOfReplay: !isWhole)
        }
        var all = [
            (DeadLetterHeader.exception, exception), (DeadLetterHeader.message, message),
        ]
        if let topic, let source {
            all += [
                (DeadLetterHeader.topic, topic),
                (DeadLetterHeader.partition, "\(partition.rawValue)"),
                (DeadLetterHeader.offset, "\(offset.rawValue)"),
                (DeadLetterHeader.timestamp, "\(source.timestamp.rawValue)"),
            ]
        }
        all += [
            (DeadLetterHeader.version, DeadLetterHeader.currentVersion),
            (DeadLetterHeader.reason, reason), (DeadLetterHeader.job, job),
            (DeadLetterHeader.operatorName, operatorName),
            (DeadLetterHeader.attempts, "\(attempts)"),
            (DeadLetterHeader.firstFailedAt, "\(firstFailedAt.rawValue)"),
            (DeadLetterHeader.lastFailedAt, "\(lastFailedAt.rawValue)"),
        ]
        if let words = omission.words { all.append((DeadLetterHeader.leftOut, words)) }
        for (name, text) in all { Self.append(name, text, to: &block) }
        return block
    }

    private static func copy(
        _ headers: UnsafeRawBufferPointer,
        to block: inout RecordHeaderBlock,
        onlyOfReplay: Bool
    ) {
        var iterator = RecordHeaderIterator(headers)
        while let header = iterator.next() {
            if onlyOfReplay {
                // By them a record that fails again is known; longer ones are nobody's.
                guard header.key.starts(with: DeadLetterHeader.replayPrefix.utf8),
                    header.value?.count ?? 0 <= ReplayedLetter.valueByteLimit
                else { continue }
            } else if DeadLetterHeader.prefixes.contains(where: { header.key.starts(with: $0.utf8) }
            ) {
                continue
            }
            block.append(key: header.key, value: header.value)
        }
    }

    private static func append(
        _ name: String,
        _ text: String,
        to block: inout RecordHeaderBlock
    ) {
        var text = text
        text.withUTF8 { bytes in
            var count = min(bytes.count, DeadLetterHeader.messageByteLimit)
            // Not in the middle of a character: its further bytes begin with the bits 10.
            while count < bytes.count, count > 0, bytes[count] & 0xC0 == 0x80 { count -= 1 }
            block.append(key: name, value: UnsafeRawBufferPointer(bytes).prefixBytes(count))
        }
    }
}

extension UnsafeRawBufferPointer {
    fileprivate func prefixBytes(_ count: Int) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: self[..<count])
    }
}
