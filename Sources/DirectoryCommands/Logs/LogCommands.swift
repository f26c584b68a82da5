import DirectoryAccess
import KafkaDirectory
import LogModel
import LogStorage
package import Terminal

/// `millrace log …`: the files of a data directory, read without opening the log.
package enum LogCommands {
    private static let data = DataDirectoryOption.parameter

    package static let command = Command(
        "log",
        summary: "look into the files of the log",
        examples: [
            .init("millrace log verify", "whether every byte is as it was written"),
            .init("millrace log dump --topic orders", "a line for each batch"),
            .init("millrace log import /var/lib/kafka", "topics of a Kafka broker brought over"),
        ],
        subcommands: [verify, dump, ImportCommand.command]
    )

    private static let topic = Parameter.optional(
        "topic",
        .text("TOPIC"),
        help: "only the partitions of this topic"
    )
    private static let partition = Parameter.optional(
        "partition",
        .integer(0...9_999),
        help: "only partitions of this number"
    )
    private static let records = Parameter.flag(
        "records",
        help: "each record of a batch too, with its headers"
    )
    private static let start = Parameter.optional(
        "from",
        .integer(0...Int.max, placeholder: "OFFSET"),
        help: "only from this offset on, of each partition"
    )
    private static let stop = Parameter.optional(
        "until",
        .integer(0...Int.max, placeholder: "OFFSET"),
        help: "only what lies in front of this offset"
    )

    private static let asJSON = Parameter.flag(
        "json",
        help: "one JSON object a line: each finding, then what was read"
    )

    private static let verify = Command(
        "verify",
        summary: "read every batch, index and snapshot; exit 1 if anything is damaged",
        discussion: "Each batch and record, the indexes of closed segments and of the one that "
            + "takes the appends, producer snapshots, leader epochs and folder marks. A note is no "
            + "damage: what the next start removes, or makes anew of the segment that it goes on "
            + "with, or a batch that holds a record of a later time than its header says. An index "
            + "of another segment that says what is not so is damage; reads go by the records "
            + "then, and a start that meets it makes it anew.",
        parameters: [
            topic.declaration, partition.declaration, asJSON.declaration, data.declaration,
        ],
        examples: [
            .init("millrace log verify --data ./data", "the whole data directory"),
            .init("millrace log verify --topic orders", "one topic"),
        ],
        exits: [.init("1", "there is damage, or the work failed")]
    ) { invocation in
        let chosen = Set(try partitionFolders(invocation).map(\.partition))
            .union(knownPartitions(invocation))
        if try kind(of: invocation[data]) == .kafka {
            return try KafkaVerification.run(
                invocation[data],
                asJSON: invocation[asJSON]
            ) { name in
                (invocation[topic] ?? name.topic) == name.topic
                    && (invocation[partition] ?? Int(name.partition.rawValue))
                        == Int(name.partition.rawValue)
            }
        }
        let report = try LogVerification.run(invocation[data], partitions: chosen)
        LogVerification.print(report, asJSON: invocation[asJSON])
        return report.damageCount == 0 ? .done : .failed
    }

    private static let dump = Command(
        "dump",
        summary: "print the batches of the segments",
        discussion: "Keys, values and headers that are no text stand as hexadecimal digits. With "
            + "--from and --until a batch is shown\nif one of its offsets lies between them, and "
            + "those of its records that do; a range with no batch is an error.",
        parameters: [
            topic.declaration, partition.declaration, records.declaration, start.declaration,
            stop.declaration, data.declaration,
        ],
        examples: [
            .init("millrace log dump --topic orders --records", "batches with their records"),
            .init(
                "millrace log dump --topic orders --partition 0 --from 500 --until 520 --records",
                "twenty offsets of a partition"
            ),
            .init("millrace log dump --topic __transaction_state", "the coordinator's records"),
        ],
        exits: [.init("1", "something could not be read, or the work failed")]
    ) { invocation in
        var output = BufferedOutput(.standard)
        var isWhole = true
        let range = try DumpRange(from: invocation[start], until: invocation[stop])
        var dump = SegmentDump(showsRecords: invocation[records], range: range)
        let folders = try partitionFolders(invocation)
        try noteKilledImports(of: folders, in: invocation[data], to: &output)
        for folder in folders {
            let segments: [String]
            do throws(DiskError) {
                let listed = try folder.files(ending: ".log")
                let missing = range.files(among: try folder.missingSegments())
                if !note(missing, isAlone: listed.isEmpty, to: &output) { isWhole = false }
                segments =
                    range.files(among: listed) + (try folder.files(ending: ".log.swap"))
            } catch {
                output.append("\(folder.path): it cannot be read: \(error.words)\n")
                isWhole = false
                continue
            }
            for segment in segments {
                if !dump.print(segment, to: &output) { isWhole = false }
            }
        }
        output.flush()
        if isWhole, range.isLimited, dump.count == 0 {
            throw range.nothing(in: folders, data: invocation[data])
        }
        return isWhole ? .done : .failed
    }

    /// Tells segments whose indexes alone lie there; false where they must be missed. Beside others
    /// it may be one that retention has removed, ended before the indexes were.
    private static func note(
        _ missing: [String],
        isAlone: Bool,
        to output: inout BufferedOutput
    ) -> Bool {
        for path in missing {
            output.append(
                "\(path)\n"
                    + (isAlone
                        ? "  it is missing: its indexes lie there without it\n"
                        : "  note: only its indexes lie there; millrace log verify says whether it "
                            + "is missed\n")
            )
        }
        return missing.isEmpty || !isAlone
    }

    /// Says which of the topics an import has left half filled, as the verification does.
    private static func noteKilledImports(
        of folders: [PartitionFolder],
        in directory: String,
        to output: inout BufferedOutput
    ) throws(CommandFailure) {
        let chosen = Set(folders.map(\.partition.topic))
        do throws(LogStorageError) {
            let ledger = ImportLedger(disk: PosixDisk(), directory: directory)
            for topic in try ledger.unfinishedTopics() where chosen.contains(topic.name) {
                let words = ImportLedger.words(ofKilled: topic.name)
                output.append("note: \(directory)/\(ImportLedger.fileName): \(words)\n")
            }
        } catch {
            throw CommandFailure(
                "the directory cannot be read",
                place: directory,
                reason: error.description
            )
        }
    }

    /// Whose the directory is; only ours and Kafka's are looked into.
    private static func kind(of directory: String) throws(CommandFailure) -> DirectoryKind {
        let kind: DirectoryKind
        do throws(DiskError) { kind = try DirectoryKind.of(directory, on: PosixDisk()) } catch {
            throw CommandFailure(
                "the directory cannot be read",
                place: directory,
                reason: error.words
            )
        }
        switch kind {
        case .ours, .kafka: return kind
        case .other where hasTable(directory): return kind
        case .absent:
            throw CommandFailure(
                "there is no data directory",
                place: directory,
                reason: "the folder does not exist",
                next: "give another --data"
            )
        case .empty, .other:
            throw CommandFailure(
                "this is no data directory",
                place: directory,
                reason: kind == .empty
                    ? "the folder is empty" : "it has no meta.properties of ours or of Kafka's",
                next: "give another --data"
            )
        }
    }

    /// Whether it is one of ours although its `meta.properties` does not say so any more.
    private static func hasTable(_ directory: String) -> Bool {
        (try? PosixDisk().kind(of: "\(directory)/millrace.topics")) == .file
    }

    /// The names in a directory of ours or of Kafka's.
    private static func names(in directory: String) throws(CommandFailure) -> [String] {
        _ = try kind(of: directory)
        do throws(DiskError) { return try PosixDisk().list(directory) } catch {
            throw CommandFailure(
                "the directory cannot be read",
                place: directory,
                reason: error.words
            )
        }
    }

    /// The partitions that the options choose among those of the table of topics.
    private static func knownPartitions(_ invocation: Invocation) -> Set<TopicPartition> {
        var known: Set<TopicPartition> = []
        for (name, count) in TopicCounts.read(invocation[data], on: PosixDisk())
        where (invocation[topic] ?? name) == name {
            for index in 0..<count where (invocation[partition] ?? index) == index {
                known.insert(TopicPartition(name, PartitionIndex(Int32(index))))
            }
        }
        return known
    }

    /// Why there is no partition that the options choose: the number, or the topic's name.
    private static func reasonOfNone(
        _ invocation: Invocation,
        among folders: [PartitionFolder]
    ) -> String? {
        let counts = TopicCounts.read(invocation[data], on: PosixDisk())
        guard let name = invocation[topic] else { return "no topic has as many partitions" }
        if let count = counts[name] {
            let others = count == 1 ? "1 partition, 0" : "\(count) partitions, 0 to \(count - 1)"
            return "the topic '\(name)' has \(others)"
        }
        let hint = Suggestion.nearest(
            to: name,
            among: Set(folders.map(\.partition.topic) + counts.keys).sorted()
        )
        return "no topic has the name '\(name)'" + (hint.map { "; did you mean '\($0)'?" } ?? "")
    }

    /// The partitions of the data directory that the options choose, by name.
    private static func partitionFolders(_ invocation: Invocation) throws -> [PartitionFolder] {
        let directory = invocation[data]
        let names = try names(in: directory)
        let all = names.compactMap { PartitionFolder(directory: directory, name: $0) }
        let chosen = all.filter { folder in
            (invocation[topic] ?? folder.partition.topic) == folder.partition.topic
                && (invocation[partition] ?? folder.index) == folder.index
        }
        if chosen.isEmpty, invocation[topic] != nil || invocation[partition] != nil {
            // One that nothing was written to has no folder.
            guard knownPartitions(invocation).isEmpty else { return [] }
            throw CommandFailure(
                "no such partition",
                place: directory,
                reason: reasonOfNone(invocation, among: all),
                next: nextCommand("log dump", data: directory)
            )
        }
        return chosen.sorted { $0.partition < $1.partition }
    }
}
