import Foundation
import LogModel
import LogStorage

/// Opens one partition and compares everything that it answers with what Kafka answered.
struct SegmentCheck {
    enum Outcome {
        case equal
        /// Ours cut a batch whose fields outside the CRC were changed; Kafka believes them.
        case deviates
        case differs(String)
    }

    let folder: UnpackedFolder
    let directory: DataDirectory
    let name: String
    let answers: JSON
    let dumps: [String: JSON]
    let isCrash: Bool
    let withoutCaches: Bool

    /// What the broker's settings were, but for the topic of large records.
    private static let smallOptions = [
        "internal.segment.bytes": "16384", "index.interval.bytes": "256",
    ]

    func outcome() throws -> Outcome {
        guard let partition = TopicPartition(folder: name) else {
            return .differs("no partition's name")
        }
        var options = try isLarge() ? [:] : Self.smallOptions
        let isCompacted = try isThinned()
        if isCompacted { options["cleanup.policy"] = "compact" }
        let (log, report) = try directory.openPartition(
            partition,
            options: options,
            time: SystemTimeSource()
        )
        if let damage = report.damage { return .differs("damage: \(damage)") }
        let end = log.bounds.logEnd.rawValue
        let isShorter = try end < answers.member("logEndOffset").integer(Int64.self)
        if isShorter, try !isExpectedCut(end, report) {
            return .differs("the log ends at \(end), cut: \(String(describing: report.cut))")
        }
        var deviates = isShorter
        let difference =
            try boundsDifference(log.bounds, isShorter: isShorter)
            ?? recordsDifference(log, below: end)
            ?? timesDifference(log, below: end, &deviates)
            ?? (isShorter ? nil : largestTimeDifference(log, &deviates))
        if let difference {
            log.abandon()
            return .differs(difference)
        }
        if !isShorter, let difference = try producersDifference(log) {
            log.abandon()
            return .differs(difference)
        }
        try log.close()
        // Where Kafka left no transaction index, ours are made anew; what compaction took is in
        // Kafka's still, and in no batch.
        let skipsFiles = isShorter || isCompacted
        if !skipsFiles, let difference = try filesDifference() { return .differs(difference) }
        return deviates ? .deviates : .equal
    }

    private func isLarge() throws -> Bool {
        try dumps.contains { name, batches in
            try name.hasSuffix(".log")
                && batches.array().contains {
                    try $0.member("size").integer(Int64.self) > 16_384
                }
        }
    }

    /// Whether compaction took records or batches: Kafka keeps a topic's options elsewhere.
    private func isThinned() throws -> Bool {
        var next: Int64?
        for (_, batches) in dumps.filter({ $0.key.hasSuffix(".log") })
            .sorted(by: { $0.key < $1.key })
        {
            for batch in try batches.array() {
                let base = try batch.member("baseOffset").integer(Int64.self)
                let last = try batch.member("lastOffset").integer(Int64.self)
                let count = try batch.member("count").integer(Int64.self)
                if !isCrash, next.map({ $0 != base }) ?? false || count != last - base + 1 {
                    return true
                }
                next = last + 1
            }
        }
        return false
    }

    /// Ours ends in front of the last batch that Kafka kept, and says so.
    private func isExpectedCut(_ end: Int64, _ report: RecoveryReport) throws -> Bool {
        let last = dumps.filter { $0.key.hasSuffix(".log") }.max { $0.key < $1.key }
        guard isCrash, report.cut != nil, let batches = try last?.value.array(), batches.count > 1
        else { return false }
        let before = batches[batches.count - 2]
        return try before.member("lastOffset").integer(Int64.self) + 1 == end
    }

    private func boundsDifference(_ bounds: LogBounds, isShorter: Bool) throws -> String? {
        let end = bounds.logEnd.rawValue
        func expected(_ name: String) throws -> Int64 {
            try min(answers.member(name).integer(Int64.self), isShorter ? end : .max)
        }
        for (name, actual) in [
            ("logStartOffset", bounds.logStart), ("highWatermark", bounds.highWatermark),
            ("logEndOffset", bounds.logEnd), ("lastStableOffset", bounds.lastStableOffset),
        ] where try actual.rawValue != expected(name) {
            return "\(name) \(actual.rawValue), not \(try expected(name))"
        }
        return nil
    }

    private func recordsDifference(_ log: PartitionLog, below end: Int64) throws -> String? {
        for (name, isolation) in [
            ("read_uncommitted", IsolationLevel.readUncommitted),
            ("read_committed", .readCommitted),
        ] {
            let expected = try answers.member(name).array().filter {
                try $0.member("offset").integer(Int64.self) < end
            }
            let actual = try SegmentReader(log: log, isolation: isolation).records()
            for (index, record) in actual.enumerated() {
                guard index < expected.count else { return "\(name): a record too much: \(record)" }
                if record != expected[index] {
                    return "\(name): \(record), not \(expected[index])"
                }
            }
            guard actual.count == expected.count else {
                return "\(name): \(actual.count) records, not \(expected.count)"
            }
        }
        return nil
    }

    private func timesDifference(
        _ log: PartitionLog,
        below end: Int64,
        _ deviates: inout Bool
    ) throws -> String? {
        for question in try answers.member("byTimestamp").array() {
            let ask = try question.member("ask").integer(Int64.self)
            let expected = try question.member("offset").integer(Int64.self)
            guard expected < end else { continue }
            let time = Timestamp(ask)
            let found = try log.offset(forTimestamp: time, isolation: .readUncommitted)?.rawValue
            if found ?? -1 == expected { continue }
            // Kafka gives up in a segment whose batches were emptied; ours goes on.
            let first = try answers.member("read_uncommitted").array().first {
                try $0.member("ts").integer(Int64.self) >= ask
            }
            guard expected == -1, try first?.member("offset").integer(Int64.self) == found else {
                return "time \(ask): offset \(found ?? -1), not \(expected)"
            }
            deviates = true
        }
        return nil
    }

    private func largestTimeDifference(
        _ log: PartitionLog,
        _ deviates: inout Bool
    ) throws -> String? {
        let expected = try answers.member("maxTimestamp")
        let found = try log.largestTimestamp(isolation: .readUncommitted)
        let actual = JSON.object([
            "offset": .integer(found?.offset.rawValue ?? -1),
            "timestamp": .integer(found?.timestamp.rawValue ?? -1),
        ])
        if actual == expected { return nil }
        // Kafka names a record that was deleted.
        let start = log.bounds.logStart.rawValue
        guard found == nil, log.bounds.logEnd.rawValue == start,
            try expected.member("offset").integer(Int64.self) < start
        else { return "largest timestamp \(actual), not \(expected)" }
        deviates = true
        return nil
    }

    private func producersDifference(_ log: PartitionLog) throws -> String? {
        let actual = log.activeProducers.map { producer in
            JSON.object([
                "producerId": .integer(producer.producerID.rawValue),
                "producerEpoch": .integer(Int64(producer.epoch.rawValue)),
                "lastSequence": .integer(Int64(producer.lastSequence.rawValue)),
                "lastTimestamp": .integer(producer.lastTimestamp.rawValue),
                "coordinatorEpoch": .integer(Int64(producer.coordinatorEpoch)),
                "currentTransactionStartOffset": .integer(
                    producer.currentTransactionFirstOffset?.rawValue ?? -1
                ),
            ])
        }
        let expected = try answers.member("activeProducers").array().sorted {
            try $0.member("producerId").integer(Int64.self)
                < $1.member("producerId").integer(Int64.self)
        }
        for (index, producer) in actual.enumerated()
        where index >= expected.count || producer != expected[index] {
            return "producer \(producer), not \(index < expected.count ? expected[index] : .null)"
        }
        return actual.count == expected.count
            ? nil : "\(actual.count) producers, not \(expected.count)"
    }

    /// Holds the files that the close left against Kafka's dump tool.
    private func filesDifference() throws -> String? {
        for (file, expected) in dumps.sorted(by: { $0.key < $1.key }) {
            guard let bytes = folder.bytes(file) else {
                // Snapshots in front of the end are not made anew: the last one says it all.
                if file.hasSuffix(".snapshot"), withoutCaches || isCrash { continue }
                return "\(file) is missing"
            }
            let base = SegmentName.base(of: file)
            let dump = SegmentFileDump(bytes: bytes, base: base)
            guard let actual = try dump.entries(of: file) else { return "\(file) is unreadable" }
            if let difference = try SegmentFileDump.difference(actual, try expected.array()) {
                return "\(file): \(difference)"
            }
        }
        return nil
    }
}

extension SegmentName {
    /// The base offset in a path such as `t-0/00000000000000000042.index`.
    fileprivate static func base(of path: String) -> Int64 {
        Int64(path.split(separator: "/").last?.prefix(20) ?? "") ?? 0
    }
}
