import Foundation
import KafkaDirectory
import LogModel
import LogStorage

/// Reads one partition of Kafka's and compares everything that it tells with what Kafka answered.
struct SegmentCheck {
    enum Outcome {
        case equal
        /// With what is stated.
        case deviates(String)
        case differs(String)
    }

    let directory: KafkaDirectory
    let name: String
    let answers: JSON
    let dumps: [String: JSON]
    let isCrash: Bool

    func outcome() throws -> Outcome {
        guard let partition = directory.partitions.first(where: { $0.name.description == name })
        else { return .differs("there is no such folder") }
        let survey = try PartitionSurvey(partition, disk: directory.disk)
        if !isCrash, let finding = survey.findings.first { return .differs("\(finding)") }
        let end = survey.logEnd.rawValue
        let isShorter = try end < answers.member("logEndOffset").integer(Int64.self)
        if isShorter, try !isExpectedCut(end, survey) {
            return .differs("the log ends at \(end): \(survey.findings)")
        }
        var deviation = isShorter ? "a batch with changed offset or epoch is not believed" : nil
        let all = SegmentReader(partition: partition, survey: survey, isolation: .readUncommitted)
        let records = try all.records()
        let times = try SegmentReader.times(of: partition, survey)
        let difference =
            try boundsDifference(survey, isShorter: isShorter)
            ?? recordsDifference(records, "read_uncommitted", below: end)
            ?? committedDifference(partition, survey, below: end)
            ?? timesDifference(times, below: end, &deviation)
            ?? (isShorter ? nil : largestTimeDifference(times, survey, &deviation))
            ?? (isShorter ? nil : producersDifference(survey))
            ?? (isShorter ? nil : dumpDifference(partition, survey))
        if let difference { return .differs(difference) }
        return deviation.map { .deviates($0) } ?? .equal
    }

    /// Ours ends in front of a batch that Kafka kept, and says so: one whose base offset or leader
    /// epoch does not follow from the batch before it.
    private func isExpectedCut(_ end: Int64, _ survey: PartitionSurvey) throws -> Bool {
        guard isCrash, !survey.findings.isEmpty else { return false }
        let batches = try dumps.filter { $0.key.hasSuffix(".log") }.sorted { $0.key < $1.key }
            .flatMap { try $0.value.array() }
        for (last, next) in zip(batches, batches.dropFirst())
        where try last.member("lastOffset").integer(Int64.self) + 1 == end {
            let epoch = try next.member("partitionLeaderEpoch")
            return try next.member("baseOffset") != .integer(end)
                || epoch != last.member("partitionLeaderEpoch")
        }
        return false
    }

    private func boundsDifference(_ survey: PartitionSurvey, isShorter: Bool) throws -> String? {
        let end = survey.logEnd.rawValue
        func expected(_ name: String) throws -> Int64 {
            try min(answers.member(name).integer(Int64.self), isShorter ? end : .max)
        }
        for (name, actual) in [
            ("logStartOffset", survey.logStart), ("highWatermark", survey.logEnd),
            ("logEndOffset", survey.logEnd), ("lastStableOffset", survey.lastStableOffset),
        ] where try actual.rawValue != expected(name) {
            return "\(name) \(actual.rawValue), not \(try expected(name))"
        }
        return nil
    }

    private func committedDifference(
        _ partition: KafkaPartition,
        _ survey: PartitionSurvey,
        below end: Int64
    ) throws -> String? {
        let reader = SegmentReader(
            partition: partition,
            survey: survey,
            isolation: .readCommitted
        )
        return try recordsDifference(reader.records(), "read_committed", below: end)
    }

    private func recordsDifference(
        _ actual: [JSON],
        _ name: String,
        below end: Int64
    ) throws -> String? {
        let expected = try answers.member(name).array().filter {
            try $0.member("offset").integer(Int64.self) < end
        }
        for (index, record) in actual.enumerated() {
            guard index < expected.count else { return "\(name): a record too much: \(record)" }
            if record != expected[index] { return "\(name): \(record), not \(expected[index])" }
        }
        return actual.count == expected.count
            ? nil : "\(name): \(actual.count) records, not \(expected.count)"
    }

    private func timesDifference(
        _ times: [(offset: Int64, timestamp: Int64)],
        below end: Int64,
        _ deviation: inout String?
    ) throws -> String? {
        for question in try answers.member("byTimestamp").array() {
            let ask = try question.member("ask").integer(Int64.self)
            let expected = try question.member("offset").integer(Int64.self)
            guard expected < end else { continue }
            let found = times.first { $0.timestamp >= ask }?.offset ?? -1
            if found == expected { continue }
            // Kafka gives up in a segment whose batches were emptied.
            guard expected == -1 else { return "time \(ask): offset \(found), not \(expected)" }
            deviation = "a lookup by time goes on to the next segment"
        }
        return nil
    }

    private func largestTimeDifference(
        _ times: [(offset: Int64, timestamp: Int64)],
        _ survey: PartitionSurvey,
        _ deviation: inout String?
    ) throws -> String? {
        let expected = try answers.member("maxTimestamp")
        var found = (offset: Int64(-1), timestamp: Int64(-1))
        for time in times where time.timestamp > found.timestamp { found = time }
        let actual = JSON.object([
            "offset": .integer(found.offset), "timestamp": .integer(found.timestamp),
        ])
        if actual == expected { return nil }
        // Kafka names a record that was deleted.
        guard times.isEmpty,
            try expected.member("offset").integer(Int64.self) < survey.logStart.rawValue
        else { return "largest timestamp \(actual), not \(expected)" }
        deviation = "a record in front of the log start has not the largest timestamp"
        return nil
    }

    private func producersDifference(_ survey: PartitionSurvey) throws -> String? {
        let actual = survey.producers.entries.sorted { $0.key < $1.key }.map { id, producer in
            JSON.object([
                "producerId": .integer(id.rawValue),
                "producerEpoch": .integer(Int64(producer.epoch.rawValue)),
                "lastSequence": .integer(
                    Int64((producer.batches.last?.lastSequence ?? .none).rawValue)
                ),
                "lastTimestamp": .integer(producer.lastTimestamp.rawValue),
                "coordinatorEpoch": .integer(Int64(producer.coordinatorEpoch)),
                "currentTransactionStartOffset": .integer(
                    producer.transactionFirstOffset?.rawValue ?? -1
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

    /// Holds batches and aborted transactions against Kafka's dump tool.
    private func dumpDifference(
        _ partition: KafkaPartition,
        _ survey: PartitionSurvey
    ) throws -> String? {
        let dump = SegmentFileDump(partition: partition, survey: survey)
        let batches = try dump.batches()
        for (file, expected) in dumps.sorted(by: { $0.key < $1.key })
        where file.hasSuffix(".log") {
            guard let actual = batches[file] else { return "\(file) is missing" }
            if let difference = try SegmentFileDump.difference(actual, try expected.array()) {
                return "\(file): \(difference)"
            }
        }
        // What compaction took of aborted transactions is in Kafka's index still.
        guard !partition.wasCompacted else { return nil }
        let aborted = try dumps.filter { $0.key.hasSuffix(".txnindex") }
            .sorted { $0.key < $1.key }.flatMap { try $0.value.array() }
        return try SegmentFileDump.difference(dump.abortedTransactions(), aborted)
            .map { "aborted transactions: \($0)" }
    }
}
