import Broker
import LogModel
import LogStorage
import Streams
import StreamsRuntime
import Telemetry

/// Everything that the page shows, as one JSON object of bounded size.
struct StateDocument {
    private static let topicLimit = 200
    private static let groupLimit = 100
    private static let groupTopicLimit = 50
    private static let operatorLimit = 500
    private static let storeLimit = 200

    let sample: WatchSample
    let program: String

    var json: String {
        Self.object([
            ("program", jsonString(program)), ("time", "\(sample.time.rawValue)"),
            ("health", WatchHealth(sample).json), ("log", log), ("topics", topics),
            ("troubled", troubled), ("groups", groups), ("transactions", transactions),
            ("deadLetters", deadLetters), ("job", sample.job.map(job) ?? "null"),
        ]) + "\n"
    }

    private static func object(_ fields: [(String, String)]) -> String {
        "{" + fields.map { "\"\($0)\":\($1)" }.joined(separator: ",") + "}"
    }

    private static func list(_ items: [String]) -> String {
        "[" + items.joined(separator: ",") + "]"
    }

    private static func seconds(_ value: Double?) -> String {
        value.map { $0.isFinite ? "\($0)" : "null" } ?? "null"
    }

    private static func counts(_ histogram: HistogramCounts) -> String {
        object([("count", "\(histogram.count)"), ("sum", seconds(histogram.sum))])
    }

    // MARK: The log

    private var log: String {
        Self.object([
            ("topics", "\(sample.topicCount)"), ("partitions", "\(sample.partitions.all)"),
            ("open", "\(sample.partitions.open)"), ("offline", "\(sample.partitions.offline)"),
            ("damaged", "\(sample.partitions.damaged)"),
            ("readOnly", "\(sample.partitions.readOnly)"),
            ("appendedBytes", "\(sample.statistics.byteCount)"),
            ("appendedBatches", "\(sample.statistics.batchCount)"),
            ("flushes", Self.counts(sample.flushSeconds)),
            ("freeBytes", sample.freeByteCount.map { "\($0)" } ?? "null"),
            ("connections", sample.connections.map { "\($0.open)" } ?? "null"),
            ("groups", "\(sample.groupCount)"),
            ("openTransactions", "\(sample.openTransactionCount)"),
            ("committed", "\(sample.statistics.commitCount)"),
            ("aborted", "\(sample.statistics.abortCount)"),
        ])
    }

    /// People's topics first: there may be more than are told.
    private var topics: String {
        let people = sample.topics.filter { !$0.isInternal }
        let all = people + sample.topics.filter(\.isInternal)
        return Self.list(
            all.prefix(Self.topicLimit).map { topic in
                Self.object([
                    ("name", jsonString(topic.name)), ("internal", "\(topic.isInternal)"),
                    ("partitions", "\(topic.partitionCount)"),
                    ("offsets", "\(topic.offsetCount)"), ("held", "\(topic.heldOffsetCount)"),
                    ("bytes", topic.byteCount.map { "\($0)" } ?? "null"),
                ])
            }
        )
    }

    private var troubled: String {
        Self.list(
            sample.troubled.map { item in
                let state =
                    switch item.trouble {
                    case .offline: "offline"
                    case .damaged: "damaged"
                    case .readOnly: "read-only"
                    }
                return Self.object([
                    ("partition", jsonString("\(item.partition)")), ("state", "\"\(state)\""),
                    ("reason", jsonString(item.trouble.reason)),
                ])
            }
        )
    }

    private var groups: String {
        Self.list(
            sample.groups.prefix(Self.groupLimit).map { group in
                let topics = Self.topics(of: group).prefix(Self.groupTopicLimit).map(\.json)
                return Self.object([
                    ("id", jsonString(group.id)), ("state", jsonString(group.state)),
                    ("members", "\(group.memberCount)"), ("topics", Self.list(Array(topics))),
                ])
            }
        )
    }

    /// By topic; of those without a position nobody knows how far behind they are.
    private static func topics(
        of group: WatchSample.GroupSample
    ) -> [(topic: String, json: String)] {
        let placed = Dictionary(grouping: group.lags, by: \.partition.topic).map { topic, lags in
            (
                topic: topic,
                json: object([
                    ("topic", jsonString(topic)),
                    ("records", "\(lags.reduce(0) { $0 &+ $1.records })"),
                    ("seconds", seconds(lags.compactMap(\.seconds).max())),
                ])
            )
        }
        let unplaced = group.unplacedCounts.map { topic, count in
            (
                topic: topic,
                json: object([
                    ("topic", jsonString(topic)), ("records", "null"), ("seconds", "null"),
                    ("withoutPosition", "\(count)"),
                ])
            )
        }
        return (placed + unplaced).sorted { $0.topic < $1.topic }
    }

    private var transactions: String {
        Self.list(
            sample.transactions.map { transaction in
                Self.object([
                    ("id", jsonString(transaction.id)), ("state", jsonString(transaction.state)),
                    ("seconds", Self.seconds(transaction.seconds)),
                    ("partitions", "\(transaction.partitionCount)"),
                    ("remote", "\(transaction.isRemote)"),
                ])
            }
        )
    }

    private var deadLetters: String {
        Self.list(
            sample.deadLetters.map { letters in
                Self.object([
                    ("topic", jsonString(letters.topic)),
                    ("count", "\(letters.count)"), ("uncounted", "\(letters.uncountedOffsetCount)"),
                    ("open", letters.openCount.map { "\($0)" } ?? "null"),
                    ("oldest", Self.seconds(letters.oldestSeconds)),
                ])
            }
        )
    }

    // MARK: The job

    private func job(_ job: WatchSample.JobSample) -> String {
        let phases = CommitTimes.Phase.allCases.map { phase in
            (phase.rawValue, Self.seconds(job.seconds[phase] ?? 0))
        }
        let drops = DropReason.allCases.filter { job.counters.drops[$0] > 0 }
            .map { ($0.word, "\(job.counters.drops[$0])") }
        return Self.object([
            ("name", jsonString(job.specification.job)),
            ("state", jsonString(job.state.rawValue)), ("threads", "\(job.threadCount)"),
            ("troubles", jsonList(job.troubles)), ("recordsIn", "\(job.counters.recordsIn)"),
            ("recordsOut", "\(job.recordsOut)"), ("skipped", "\(job.counters.recordsSkipped)"),
            ("dropped", Self.object(drops)), ("deadLettered", Self.table(job.counters.deadLetters)),
            ("commits", "\(job.commits)"), ("rewinds", "\(job.rewinds)"),
            ("restored", "\(job.restored)"), ("commit", Self.counts(job.commitSeconds)),
            ("phases", Self.object(phases)), ("memory", "\(job.heldByteCount)"),
            ("memoryLimit", "\(job.heldByteLimit)"), ("stores", stores(job)),
            ("positions", Self.table(job.offsetsInByTopic)),
            ("written", Self.table(job.recordsOutByTopic)), ("operators", operators(job)),
        ])
    }

    /// Numbers by name; names of any kind.
    private static func table(_ counts: [String: Int64]) -> String {
        let fields = counts.sorted { $0.key < $1.key }.prefix(topicLimit)
        return "{" + fields.map { "\(jsonString($0.key)):\($0.value)" }.joined(separator: ",") + "}"
    }

    private func stores(_ job: WatchSample.JobSample) -> String {
        Self.list(
            job.stores.prefix(Self.storeLimit).map { store in
                Self.object([
                    ("name", jsonString(store.name)), ("partitions", "\(store.partitionCount)"),
                    ("entries", "\(store.entryCount)"), ("bytes", "\(store.byteCount)"),
                    ("complete", "\(store.isComplete)"),
                    (
                        "changelog",
                        jsonString(job.specification.names.changelogTopic(store: store.name))
                    ),
                ])
            }
        )
    }

    private func operators(_ job: WatchSample.JobSample) -> String {
        let specification = job.specification
        return Self.list(
            specification.operators.prefix(Self.operatorLimit).map { item in
                var topic = specification.inputTopic(of: item.kind)
                var (stores, writes): ([String], [String]) = ([], [])
                switch item.kind {
                case .stateful(_, let kept): stores = kept.map(\.name)
                case .globalTable(let read, _, _, let store): (topic, stores) = (read, [store])
                case .sink(let written, _, _): writes = [written]
                case .dynamicSink(let named, _, _): writes = named
                case .repartitionSink(let via, _, _):
                    writes = [specification.names.repartitionTopic(via: via)]
                case .source, .repartitionSource, .stateless: break
                }
                return Self.object([
                    ("id", "\(item.id)"), ("kind", jsonString(item.kind.word)),
                    ("subtopology", "\(item.subtopology)"),
                    ("parents", Self.list(item.parents.map { "\($0)" })),
                    ("reads", topic.map(jsonString) ?? "null"), ("writes", jsonList(writes)),
                    ("stores", jsonList(stores)),
                ])
            }
        )
    }
}
