import Broker
import BrokerAPI
import Coordination
import LogModel
import LogStorage
import StateStores
import Streams
import StreamsRuntime
import Telemetry

/// One look at everything that is told, with named limits to all that names grow with.
struct WatchSample: Sendable {
    /// Topics, groups, and partitions of groups that are told of by name; others are counted.
    static let topicLimit = 1000
    static let groupLimit = 200
    static let groupPartitionLimit = 2000
    static let transactionLimit = 100
    static let troubledLimit = 100

    struct TopicSample: Sendable {
        var name: String
        var isInternal: Bool
        var partitionCount: Int
        /// Offsets that were given out, over all partitions: markers of transactions have some too.
        var offsetCount: Int64 = 0
        /// Those between log start and end.
        var heldOffsetCount: Int64 = 0
        /// Bytes of its files; nil until they were counted.
        var byteCount: Int64?
    }

    struct TroubledPartition: Sendable {
        var partition: TopicPartition
        var trouble: LogGlimpse.Trouble
    }

    /// How far a group is behind in a partition.
    struct PartitionLag: Sendable {
        var partition: TopicPartition
        var records: Int64
        /// The age of the oldest record that is not read; nil where none is left, or it is not read
        /// yet how old it is.
        var seconds: Double?
    }

    struct GroupSample: Sendable {
        var id: String
        var state: String
        var memberCount: Int
        var lags: [PartitionLag]
        /// Partitions that its members are to read of topics that it has no position in, by topic.
        var unplacedCounts: [(topic: String, count: Int)] = []
    }

    struct TransactionSample: Sendable {
        var id: String
        var state: String
        var seconds: Double
        var partitionCount: Int
        var isRemote: Bool
    }

    /// What lies in a topic of dead letters.
    struct DeadLetterSample: Sendable {
        var topic: String
        /// Records that lie there, as far as they are counted.
        var count: Int64
        var uncountedOffsetCount: Int64
        var oldestSeconds: Double?
        /// Those that nothing was done about; nil where that is not known yet.
        var openCount: Int64?
    }

    /// The partitions by how they are.
    struct PartitionCounts: Sendable {
        var all = 0
        var open = 0
        var offline = 0
        var damaged = 0
        var readOnly = 0
    }

    var time: Timestamp
    var partitions = PartitionCounts()
    var topicCount = 0
    var topics: [TopicSample] = []
    var troubled: [TroubledPartition] = []
    var groupCount = 0
    var groups: [GroupSample] = []
    /// Partitions of groups that there was no room for.
    var leftOutLagCount = 0
    var openTransactionCount = 0
    var oldestTransactionSeconds = 0.0
    var transactions: [TransactionSample] = []
    var deadLetters: [DeadLetterSample] = []
    var freeByteCount: Int64?
    var reservedByteCount: Int64
    var statistics: BrokerStatistics
    var fdatasyncCount: Int
    var flushSeconds: HistogramCounts
    var flushPartitions: HistogramCounts
    var journalByteCount: UInt64
    var connections: (accepted: UInt64, open: UInt64)?
    var failedLoginCount: UInt64?
    var usages: [APIProbe.Usage] = []
    var job: JobSample?

    /// A job, its threads taken together.
    struct JobSample: Sendable {
        struct StoreSample: Sendable {
            var name: String
            var partitionCount = 0
            var entryCount = 0
            var byteCount = 0
            var isComplete = true
        }

        var specification: TopologySpecification
        var state: WatchedJob.State
        var threadCount: Int
        var counters = TaskCounters()
        var recordsOut: Int64 = 0
        /// The next offsets to read, added up by topic.
        var offsetsInByTopic: [String: Int64] = [:]
        var recordsOutByTopic: [String: Int64] = [:]
        var commits: Int64 = 0
        var rewinds: Int64 = 0
        var restored: Int64 = 0
        var seconds: [CommitTimes.Phase: Double] = [:]
        var commitSeconds = HistogramCounts.latencies
        var stores: [StoreSample] = []
        var heldByteCount: Int
        var heldByteLimit: Int
        var troubles: [String] = []

        init(_ job: WatchedJob) {
            specification = job.specification
            state = job.state
            threadCount = job.progress.count
            heldByteCount = job.memory.heldByteCount
            heldByteLimit = job.memory.heldByteLimit
            var stores: [String: StoreSample] = [:]
            for snapshot in job.progress.map(\.snapshot) {
                add(snapshot)
                for fact in snapshot.stores {
                    var store = stores[fact.name] ?? StoreSample(name: fact.name)
                    store.partitionCount += 1
                    store.entryCount += fact.entryCount
                    store.byteCount += fact.byteCount
                    store.isComplete = store.isComplete && fact.isComplete
                    stores[fact.name] = store
                }
            }
            self.stores = stores.values.sorted { $0.name < $1.name }
        }

        private mutating func add(_ snapshot: ThreadProgress.Snapshot) {
            counters.add(snapshot.counters)
            recordsOut += snapshot.recordsOut
            commits += snapshot.commits
            rewinds += snapshot.rewinds
            restored += snapshot.restored
            if let trouble = snapshot.trouble { troubles.append(trouble) }
            for (partition, position) in snapshot.positions {
                offsetsInByTopic[partition.topic, default: 0] &+= position.rawValue
            }
            recordsOutByTopic.merge(snapshot.recordsOutByTopic, uniquingKeysWith: &+)
            commitSeconds.add(snapshot.times.commits)
            for phase in CommitTimes.Phase.allCases {
                seconds[phase, default: 0] += snapshot.times.seconds(in: phase)
            }
        }
    }
}
