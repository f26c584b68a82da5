import LogClient
import LogModel
import Terminal

/// What `consume` needs of a log.
protocol RecordSource {
    var place: LogPlace { get }
    /// The topics that there are, but for internal ones.
    func topicNames() throws(CommandFailure) -> [String]
    /// The partitions of a topic, in order, or an error that names the nearest topic.
    func partitions(of topic: String) throws(CommandFailure) -> [TopicPartition]
    /// Those that can be read, at least up to damage; of the others the reason is told.
    func readable(_ partitions: [TopicPartition]) -> [TopicPartition]
    /// - Throws: `DamageFound` where that partition alone does not tell them.
    func bounds(of partition: TopicPartition) throws -> PartitionBounds
    /// The first offset of a record at that time or later; nil where there is none.
    func offset(
        at time: Timestamp,
        in partition: TopicPartition,
        isolation: IsolationLevel
    ) throws -> Offset?
    /// Refuses a group whose positions are not a reader's to move.
    func requireReadable(group: String) throws(CommandFailure)
    func committedOffsets(
        group: String,
        partitions: [TopicPartition]
    ) throws -> [TopicPartition: Offset]
    func commitOffsets(group: String, _ offsets: [TopicPartition: Offset]) throws
    /// Those of these topics that were deleted since they were first looked up, also where others
    /// have their names by now.
    func goneTopics(among topics: Set<String>) throws -> Set<String>
    /// The next topic of this name is another one than that which was read so far.
    func forget(topic: String)
    /// Refuses to take for deleted what damage has taken away.
    func refuseDamage(of partition: TopicPartition, at offset: Offset) throws(DamageFound)
    /// Whole batches from `offset` on, none at the end. The first may begin below it.
    func fetch(
        _ partition: TopicPartition,
        from offset: Offset,
        isolation: IsolationLevel,
        into buffer: FetchBuffer
    ) throws(FetchFailure) -> FetchResult
    /// Waits until there may be more behind one of these positions, or until the time is over;
    /// the signal for the next call. Begin with 0.
    func waitForChange(
        since signal: UInt64,
        of positions: [TopicPartition: Offset],
        isolation: IsolationLevel,
        timeout: Duration
    ) throws -> UInt64
    /// What was fetched ahead while waiting and not read yet is asked for anew.
    func forgetFetched()
    /// What a person who waits for more should know; nil where more can come.
    var waitingNote: String? { get }
    /// Those of the partitions that are damaged or offline, as far as it is known, and why.
    func faults(
        of partitions: [TopicPartition]
    ) -> [(partition: TopicPartition, failure: CommandFailure)]
}

/// Why there are no records.
enum FetchFailure: Error {
    /// The position lies outside of what there is.
    case outOfRange(PartitionBounds)
    /// What lies there is not what was written.
    case damaged(CommandFailure)
    /// Nobody leads the partition now; somebody may soon.
    case leaderless(CommandFailure)
    /// The topic was deleted.
    case gone(CommandFailure)
    case failed(CommandFailure)
}
