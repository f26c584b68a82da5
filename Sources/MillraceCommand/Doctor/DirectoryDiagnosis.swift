import Broker
import DirectoryAccess
import LogModel
import Terminal

/// What the size and form of a data directory mean on its machine; pure.
struct DirectoryDiagnosis {
    let directory: String
    let machine: MachineFacts
    let facts: DirectoryFacts
    let now: Timestamp

    var findings: [Finding] {
        [space] + files + [descriptors] + memory + skewed + [clock]
    }

    // MARK: Space

    /// Less than this is filled by a few minutes of work.
    private static let leastFreeByteCount = 1 << 30
    /// A topic's growth is told from no shorter time.
    private static let shortestAge: Int64 = 3_600_000
    /// `retention.ms` where a topic has none of its own.
    private static let standardRetention: Int64 = 604_800_000

    private var space: Finding {
        let area = "space"
        let free = ByteSize(byteCount: machine.freeByteCount)
        let used = ByteSize(byteCount: facts.byteCount)
        let growths = facts.topics.map { ($0.name, Self.growth(of: $0, now: now)) }
        let growth = Int(min(growths.reduce(0) { $0 + Double($1.1) }, 1e18))
        let what = "\(free) are free, the directory has \(used)"
        let largest = growths.max { $0.1 < $1.1 }
        if machine.freeByteCount < Self.leastFreeByteCount {
            let reserve = Int(clamping: BrokerConfiguration().reservedByteCount)
            let kept = ByteSize(byteCount: reserve)
            return .warning(
                area,
                what,
                why: machine.freeByteCount < reserve
                    ? "no records are taken while less than \(kept) are free, which are kept for "
                        + "the ends of transactions: what is there can be read"
                    : "on a full disk nothing is produced or committed until there is room again",
                next: "free some space, or keep records for a shorter time: "
                    + nextCommand(
                        "topic alter TOPIC --config retention.ms=86400000",
                        data: directory
                    )
            )
        }
        if growth > machine.freeByteCount, let (name, _) = largest {
            return .warning(
                area,
                what + ", and retention would let topics grow by about "
                    + "\(ByteSize(byteCount: growth)) at the pace so far, \(name) the most",
                why: "the disk is full before retention removes anything",
                next: nextCommand(
                    "topic alter \(argument: name) --config retention.bytes=BYTES",
                    data: directory
                )
            )
        }
        guard growth > 0 else { return .good(area, what) }
        let more = ByteSize(byteCount: growth)
        return .good(area, what + "; retention lets it grow by \(more) at the pace so far")
    }

    /// Fewer files are used up by a hundred partitions, and a disk that has no room for files takes
    /// nothing though it has room for bytes.
    private static let leastFreeFileCount = 1_000

    private var files: [Finding] {
        guard let count = machine.freeFileCount, count < Self.leastFreeFileCount else { return [] }
        return [
            .warning(
                "files",
                "the file system has room for \(counted(count, "more file"))",
                why: "a partition takes 7 once it is written to, each further segment up to 5; "
                    + "without room for them nothing is produced or committed",
                next: "remove files that nobody needs (df -i \(shellPath(directory)) counts them)"
            )
        ]
    }

    /// By how many bytes a topic grows until retention removes as much as comes, at the pace of its
    /// life so far; 0 where it is compacted alone, or kept for ever.
    static func growth(of topic: DirectoryFacts.Topic, now: Timestamp) -> Int {
        let policy = topic.options["cleanup.policy"] ?? "delete"
        guard policy.contains("delete"), topic.byteCount > 0 else { return 0 }
        let retention = topic.options["retention.ms"].flatMap { Int64($0) } ?? standardRetention
        var growth: Int?
        if retention >= 0, let since = topic.since {
            let age = since.milliseconds(to: now)
            if age >= shortestAge, age < retention {
                let factor = Double(retention) / Double(age) - 1
                growth = Int(min(Double(topic.byteCount) * factor, 1e18))
            } else {
                growth = 0
            }
        }
        if let limit = topic.options["retention.bytes"].flatMap({ Int($0) }), limit >= 0 {
            let (most, overflows) = limit.multipliedReportingOverflow(by: topic.byteCounts.count)
            let byBytes = overflows ? Int(1e18) : max(0, most - topic.byteCount)
            growth = min(growth ?? byBytes, byBytes)
        }
        return growth ?? 0
    }

    // MARK: Descriptors

    /// What RocksDB opens beside its sorted files.
    private static let filesOfAStore = 4
    /// Log, index and time index of the segment that takes the appends.
    private static let filesOfAPartition = 3

    /// With less the log cannot open its own files: partitions go offline.
    private static let leastDescriptorLimit = 32

    private var descriptors: Finding {
        let area = "descriptors"
        let limit = machine.descriptorLimit
        let stores = facts.jobs.map { $0.fileCount + Self.filesOfAStore * $0.storeCount }.max() ?? 0
        let partitions = facts.partitionCount * Self.filesOfAPartition
        let what =
            "\(grouped(limit)) open files are allowed; "
            + "\(counted(facts.partitionCount, "partition")) may use \(grouped(partitions)), the "
            + "stores of a job \(grouped(stores))"
        let next = "ulimit -n 65536 before the command; for a service LimitNOFILE=65536"
        if limit < Self.leastDescriptorLimit {
            return .warning(
                area,
                what,
                why: "the log needs \(Self.leastDescriptorLimit) at least: with fewer partitions "
                    + "go offline, and commands end",
                next: next
            )
        }
        // The log keeps half of them at most, connections a quarter.
        if stores > limit / 4 {
            return .warning(
                area,
                what,
                why: "a job whose stores get no more files stops",
                next: next
            )
        }
        if partitions > limit / 2 {
            return .note(
                area,
                what,
                why: "the log closes and opens files again where partitions take turns: slower, "
                    + "and nothing else",
                next: limit < 65_536 ? next : nil
            )
        }
        return .good(area, what)
    }

    // MARK: Memory

    /// What a store has whatever the others take.
    private static let leastShare = 512 << 10
    /// A store's table does little with less.
    private static let usefulShare = 4 << 20

    private var memory: [Finding] {
        let area = "memory"
        let budget = machine.memoryByteCount / 2
        let all =
            "a job gets \(ByteSize(byteCount: budget)) for its stores without --memory, half "
            + "of what this process may have"
        guard !facts.jobs.isEmpty else { return [.good(area, all)] }
        return facts.jobs.map { job in
            // The rest is for the blocks that are read, for checkpoints and for merging.
            let tables = budget / 8 * 5
            let share = tables / max(job.storeCount, 1)
            var what =
                "\(job.name): \(counted(job.storeCount, "store")) of "
                + "\(ByteSize(byteCount: job.byteCount)) on disk "
                + (job.storeCount == 1 ? "has " : "share ")
                + "\(ByteSize(byteCount: tables)) for tables, five eighths of the "
                + "\(ByteSize(byteCount: budget)) that a job gets without --memory"
            if job.storeCount > 1 { what += ": \(ByteSize(byteCount: share)) each" }
            let next = "give more: millrace run JOB --memory SIZE; or have fewer partitions"
            if share < Self.leastShare {
                return .warning(
                    area,
                    what,
                    why: "each store takes \(ByteSize(byteCount: Self.leastShare)) at least: all "
                        + "together more than there is, and the system may end the process",
                    next: next
                )
            }
            if share < Self.usefulShare, job.byteCount > budget {
                return .note(
                    area,
                    what,
                    why: "most keys are read from disk, at a tenth of the speed",
                    next: next
                )
            }
            return .good(area, what)
        }
    }

    // MARK: Partitions

    /// Below this size no topic is worth a word.
    private static let skewedByteCount = 64 << 20
    private static let skewedFactor = 4

    private var skewed: [Finding] {
        let area = "partitions"
        let found = facts.topics.compactMap { topic -> Finding? in
            let count = topic.byteCounts.count
            guard !topic.isInternal, count > 1, topic.byteCount >= Self.skewedByteCount,
                let largest = topic.byteCounts.indices.max(by: {
                    topic.byteCounts[$0] < topic.byteCounts[$1]
                })
            else { return nil }
            let mean = topic.byteCount / count
            guard topic.byteCounts[largest] > mean * Self.skewedFactor else { return nil }
            let size = ByteSize(byteCount: topic.byteCounts[largest])
            return .warning(
                area,
                "\(topic.name)-\(largest) has \(size) of the topic's "
                    + "\(ByteSize(byteCount: topic.byteCount)) in \(count) partitions",
                why: "a partition is processed by one thread: this one decides how fast a job is, "
                    + "whatever --threads says",
                next: "see which keys those are: "
                    + nextCommand(
                        """
                        consume \(argument: topic.name) --partition \(largest) --max 1000 \
                        --format '%k\\n' --until-end
                        """,
                        data: directory
                    ) + " | sort | uniq -c | sort -rn | head"
            )
        }
        let noun = counted(facts.partitionCount, "partition")
        guard found.isEmpty else { return found }
        return [.good(area, "\(noun), none much larger than its topic's others")]
    }

    // MARK: Clock

    /// Two machines' clocks may be so far apart on a network file system.
    private static let clockTolerance: Int64 = 60_000

    private var clock: Finding {
        let area = "clock"
        guard let newest = facts.newestFile,
            now.milliseconds(to: newest.time) > Self.clockTolerance
        else { return .good(area, "no file is of a later time than now") }
        return .warning(
            area,
            "\(newest.path) was changed at \(utcText(newest.time)), and now it is \(utcText(now))",
            why: "the clock was set back: records get earlier times than those before them, and "
                + "retention by time keeps records for longer",
            next: "set the clock (timedatectl set-ntp true)"
        )
    }
}
