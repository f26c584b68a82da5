import ClientCommands
import DirectoryAccess
import KafkaClient
import LogModel
import Terminal

/// What the state of a log means; pure.
struct LogDiagnosis {
    let directory: String
    let facts: LogFacts
    let now: Timestamp

    var findings: [Finding] { troubles + transactions + lags + [recordTimes] }

    // MARK: Partitions that cannot be used

    private var troubles: [Finding] {
        let area = "health"
        let found = facts.topics.flatMap { topic in
            topic.partitions.enumerated().compactMap { index, partition -> Finding? in
                let next = nextCommand("log verify --topic \(topic.name)", data: directory)
                let reason = partition.reason ?? "no reason is told"
                switch partition.state {
                case .good, .notOpened: return nil
                case .readOnly:
                    return .warning(
                        area,
                        "\(topic.name)-\(index) takes no more records: \(reason)",
                        why: "who produces to it, and jobs that write to it, stop",
                        next: next
                    )
                case .offline:
                    return .warning(
                        area,
                        "\(topic.name)-\(index) is offline: \(reason)",
                        why: "its records cannot be read, and it takes no more",
                        next: next
                    )
                }
            }
        }
        guard found.isEmpty else { return found }
        let count = facts.topics.reduce(0) { $0 + $1.partitions.count }
        return [
            .good(
                area,
                facts.areOpened
                    ? "\(counted(count, "partition")) opened, none is offline or read-only"
                    : "the log's owner knows of no partition that is offline or read-only"
            )
        ]
    }

    // MARK: Transactions

    /// No transaction of Kafka's clients is open for longer: the broker's
    /// `transaction.max.timeout.ms`.
    private static let longestTransaction = Duration.seconds(900)

    private var transactions: [Finding] {
        let area = "transactions"
        let why =
            "readers of committed records wait for it: jobs, and consumers with read_committed"
        var found = facts.transactions.compactMap { transaction -> Finding? in
            guard let age = transaction.age(at: now), age > Self.longestTransaction else {
                return nil
            }
            let id = transaction.transactionalID
            return .warning(
                area,
                "the transaction of '\(id)' is open for \(age.spelled)",
                why: why,
                next: "end the job or producer of that id, or: "
                    + nextCommand("txn abort \(argument: id)", data: directory)
            )
        }
        found += facts.hanging.map { partition, start in
            Finding.warning(
                area,
                "a transaction hangs in \(partition) from offset \(start.rawValue) on: no "
                    + "coordinator knows it",
                why: why + ", for ever",
                next: nextCommand(
                    """
                    txn abort --topic \(partition.topic) --partition \
                    \(partition.partition.rawValue) --start-offset \(start.rawValue)
                    """,
                    data: directory
                )
            )
        }
        guard found.isEmpty else { return found }
        let count = facts.transactions.count
        return [.good(area, count == 0 ? "none is open" : "\(count) open, none for long")]
    }

    // MARK: Groups

    private static let longLag = Duration.seconds(3600)

    private var lags: [Finding] {
        let area = "groups"
        let doubts = facts.lags.compactMap { group, lags -> Finding? in
            guard let lag = lags.first(where: { $0.doubt != nil }), let doubt = lag.doubt else {
                return nil
            }
            return .warning(
                area,
                "how far the group '\(group)' is behind in \(lag.partition) is not known",
                why: doubt,
                next: nextCommand("lag \(argument: group)", data: directory)
            )
        }
        let found =
            doubts
            + facts.lags.compactMap { group, lags -> Finding? in
                let worst = lags.max { ($0.age ?? .zero) < ($1.age ?? .zero) }
                guard let worst, let age = worst.age, age > Self.longLag else { return nil }
                let records = lags.reduce(Offset.zero) { $0.advanced(by: $1.records) }.rawValue
                return .note(
                    area,
                    "the group '\(group)' has \(counted(Int(records), "record")) before it, in "
                        + "\(worst.partition) one of \(age.spelled) ago",
                    why: "it is stopped or too slow; what retention removes it never reads",
                    next: nextCommand("lag \(argument: group)", data: directory)
                )
            }
        let noun = counted(facts.lags.count, "group")
        return found.isEmpty ? [.good(area, "\(noun), none an hour behind")] : found
    }

    // MARK: Records of the future

    private static let clockTolerance: Int64 = 60_000

    private var recordTimes: Finding {
        let area = "times"
        guard let newest = facts.newestRecord,
            now.milliseconds(to: newest.time) > Self.clockTolerance
        else { return .good(area, "no partition ends with a record of the future") }
        return .warning(
            area,
            "\(newest.partition) ends with a record of \(utcText(newest.time)), and now it is "
                + utcText(now),
            why: "either a producer's clock is wrong, or this one's: windows close too early, and "
                + "retention by time keeps such records for longer",
            next: "see which: "
                + nextCommand(
                    """
                    consume \(argument: newest.partition.topic) --partition \
                    \(newest.partition.partition.rawValue) --format '%T %k\\n' --until-end
                    """,
                    data: directory
                ) + " | tail"
        )
    }
}
