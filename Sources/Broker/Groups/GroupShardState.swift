import Bytes
import Coordination
import LogModel

/// The groups of one shard, who waits in them, and what is to be written. An id is that of a
/// classic group or of a consumer group, never of both.
struct GroupShardState: Sendable {
    var groups: [ExactText: ClassicGroup]
    var consumers: [ExactText: ConsumerGroup]
    /// Requests that wait for others. Called by nobody who holds the lock.
    private var joins: [GroupReplyToken: @Sendable (JoinAnswer) -> Void] = [:]
    private var syncs: [GroupReplyToken: @Sendable (SyncAnswer) -> Void] = [:]
    private var lastToken: UInt64 = 0
    /// What was decided and is not in the log yet, in that order.
    private var queue: [GroupWrite] = []
    /// Somebody writes the queue.
    private var isWriting = false

    init(groups: [ExactText: ClassicGroup], consumers: [ExactText: ConsumerGroup]) {
        self.groups = groups
        self.consumers = consumers
    }

    mutating func wait(_ answer: @escaping @Sendable (JoinAnswer) -> Void) -> GroupReplyToken {
        let token = nextToken()
        joins[token] = answer
        return token
    }

    mutating func wait(_ answer: @escaping @Sendable (SyncAnswer) -> Void) -> GroupReplyToken {
        let token = nextToken()
        syncs[token] = answer
        return token
    }

    private mutating func nextToken() -> GroupReplyToken {
        lastToken += 1
        return GroupReplyToken(number: lastToken)
    }

    /// What a group's actions ask for: its records, and the answers behind them.
    mutating func write(for actions: [GroupAction], of group: String) -> GroupWrite {
        var write = GroupWrite(group: group)
        for action in actions {
            switch action {
            case .persist(let record): write.groupRecord = record
            case .answerJoin(let token, let answer):
                guard let complete = joins.removeValue(forKey: token) else { continue }
                write.answers.append { failure in
                    guard let failure else { return complete(answer) }
                    complete(JoinAnswer(code: failure, memberID: answer.memberID))
                }
            case .answerSync(let token, let answer):
                guard let complete = syncs.removeValue(forKey: token) else { continue }
                write.answers.append { failure in
                    complete(failure.map { SyncAnswer(code: $0) } ?? answer)
                }
            }
        }
        return write
    }

    /// Puts a write behind those that are decided already. What has nothing to write and nobody
    /// before it comes back, to be answered at once.
    mutating func enqueue(_ write: GroupWrite) -> GroupTurn {
        if write.isAnswerOnly, !isWriting { return .answer(write) }
        queue.append(write)
        guard !isWriting else { return .wait }
        isWriting = true
        return .write
    }

    /// The next round of whoever writes; nil when there is no more, and he writes no longer.
    mutating func nextRound() -> [GroupWrite]? {
        guard !queue.isEmpty else {
            isWriting = false
            return nil
        }
        defer { queue = [] }
        return queue
    }

    var nextDeadline: Moment? {
        let deadlines =
            groups.values.compactMap(\.nextDeadline) + consumers.values.compactMap(\.nextDeadline)
        return deadlines.min()
    }
}

/// What a caller does with what it decided.
enum GroupTurn: Sendable {
    case answer(GroupWrite)
    /// Write the queue.
    case write
    /// Somebody else writes it.
    case wait
}

/// Records that were decided together, and the answers that wait for them.
struct GroupWrite: Sendable {
    let group: String
    /// Of several, the last one tells all.
    var groupRecord: GroupRecord?
    /// In their order; behind the record of a classic group.
    var consumerRecords: [ConsumerGroupRecord] = []
    var offsets: [OffsetRecord] = []
    /// Positions that go, of those that are there when all that was decided before is written; in
    /// front of the records of the group.
    var removal: PositionRemoval?
    /// Each is told why the records could not be written; nil if they are durable.
    var answers: [@Sendable (KafkaErrorCode?) -> Void] = []

    var isAnswerOnly: Bool {
        groupRecord == nil && consumerRecords.isEmpty && offsets.isEmpty && removal == nil
    }

    func answer(_ failure: KafkaErrorCode?) {
        for answer in answers { answer(failure) }
    }
}
