import LogModel

/// What a dead letter has to be to be chosen: all of some conditions.
///
///     reason=refused,held and topic=orders and message~"timed out" and since=2h
struct LetterConditions: Equatable {
    var conditions: [LetterCondition] = []
    /// The states that are chosen; those that are open where no condition names one.
    var states: Set<LetterState> = [.open]

    /// Whether the letter itself is what is asked for; its state aside.
    func matches(_ letter: DeadLetterView) -> Bool {
        conditions.allSatisfy { $0.matches(letter) }
    }

    /// Whether a partition can hold what is asked for.
    func mayMatch(_ partition: PartitionIndex) -> Bool {
        conditions.allSatisfy { $0.mayMatch(partition) }
    }

    /// Those of `offsets` that can be what is asked for.
    func narrowed(_ offsets: Range<Int64>) -> Range<Int64> {
        conditions.reduce(offsets) { $1.narrowed($0) }
    }
}

/// One condition.
struct LetterCondition: Equatable {
    /// A text that a dead letter has.
    enum TextSubject: Equatable {
        case reason, topic, operatorName, job, exception, message, replay, key
        case header(String)
    }

    /// A number that it has.
    enum NumberSubject: Equatable {
        /// Where the dead letter lies.
        case partition, offset
        /// Where its record was read.
        case sourcePartition, sourceOffset
        case attempts
    }

    enum Test: Equatable {
        /// One of these texts, or none of them.
        case equals(TextSubject, [[UInt8]], isNegated: Bool)
        case contains(TextSubject, [UInt8], isNegated: Bool)
        case within(NumberSubject, [ClosedRange<Int64>], isNegated: Bool)
        /// It became a dead letter then or later.
        case since(Timestamp)
        /// It became one before.
        case until(Timestamp)
    }

    var test: Test

    func matches(_ letter: DeadLetterView) -> Bool {
        switch test {
        case .equals(let subject, let texts, let isNegated):
            let bytes = letter.bytes(of: subject)
            return texts.contains { bytes?.elementsEqual($0) ?? $0.isEmpty } != isNegated
        case .contains(let subject, let text, let isNegated):
            return Self.holds(text, in: letter.bytes(of: subject)) != isNegated
        case .within(let subject, let ranges, let isNegated):
            guard let number = letter.number(of: subject) else { return isNegated }
            return ranges.contains { $0.contains(number) } != isNegated
        case .since(let time): return letter.arrival >= time
        case .until(let time): return letter.arrival < time
        }
    }

    func mayMatch(_ partition: PartitionIndex) -> Bool {
        guard case .within(.partition, let ranges, let isNegated) = test else { return true }
        return ranges.contains { $0.contains(Int64(partition.rawValue)) } != isNegated
    }

    func narrowed(_ offsets: Range<Int64>) -> Range<Int64> {
        guard case .within(.offset, let ranges, isNegated: false) = test,
            let first = ranges.map(\.lowerBound).min(), let last = ranges.map(\.upperBound).max()
        else { return offsets }
        let end = last == Int64.max ? last : last + 1
        return offsets.clamped(to: first..<max(first, end))
    }

    private static func holds(_ text: [UInt8], in bytes: UnsafeRawBufferPointer?) -> Bool {
        guard let first = text.first else { return true }
        guard let bytes, bytes.count >= text.count else { return false }
        for start in 0...(bytes.count - text.count) where bytes[start] == first {
            if bytes[start..<(start + text.count)].elementsEqual(text) { return true }
        }
        return false
    }
}

extension DeadLetterView {
    fileprivate func bytes(of subject: LetterCondition.TextSubject) -> UnsafeRawBufferPointer? {
        switch subject {
        case .reason: self[.reason]
        case .topic: self[.topic]
        case .operatorName: self[.operatorName]
        case .job: self[.job]
        case .exception: self[.exception]
        case .message: self[.message]
        case .replay: self[.replayID]
        case .key: key
        case .header(let name): header(name)
        }
    }

    fileprivate func number(of subject: LetterCondition.NumberSubject) -> Int64? {
        switch subject {
        case .partition: Int64(place.partition.partition.rawValue)
        case .offset: place.offset.rawValue
        case .sourcePartition: number(.partition)
        case .sourceOffset: number(.offset)
        case .attempts: number(.attempts)
        }
    }

    private func header(_ name: String) -> UnsafeRawBufferPointer? {
        var iterator = RecordHeaderIterator(headers)
        var found: UnsafeRawBufferPointer?
        while let header = iterator.next() {
            if header.key.elementsEqual(name.utf8) { found = header.value }
        }
        return found
    }
}
