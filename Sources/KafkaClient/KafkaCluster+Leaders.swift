import KafkaWire
import LogModel

/// What the leaders of partitions are asked.
extension KafkaCluster {
    /// Who leads partitions, by node, and why nobody can be asked for the others.
    struct Leadership {
        var nodes: [Node: [TopicPartition]] = [:]
        var refusals: [TopicPartition: KafkaClientError] = [:]
    }

    /// What a leader says of a partition.
    enum LeaderAnswer<Value> {
        case final(Result<Value, KafkaClientError>)
        /// It may say something else after a moment, or another node may.
        case again(KafkaClientError)

        init(refusal code: KafkaErrorCode, about partition: TopicPartition) {
            let error = KafkaClientError.refused(code, about: "\(partition)", "")
            self = code.isMisdirected ? .again(error) : .final(.failure(error))
        }
    }

    typealias Answers<Value> = [TopicPartition: Result<Value, KafkaClientError>]

    /// What the leaders answer, each asked at once for all that it leads. A partition that nobody
    /// can answer for is asked for again for a short time, and then refused by itself: what is told
    /// of the others stays.
    ///
    /// - Parameter body: asks a node; what it leaves out is left out of the result.
    func askLeaders<Value>(
        of partitions: [TopicPartition],
        _ body: (
            _ node: Node, _ partitions: [TopicPartition], _ isFirst: Bool
        ) throws(KafkaClientError) -> [TopicPartition: LeaderAnswer<Value>]
    ) throws(KafkaClientError) -> Answers<Value> {
        var answers: Answers<Value> = [:]
        var left = Set(partitions)
        var schedule = RetrySchedule(limit: configuration.leaderPatience)
        var isFirst = true
        while true {
            let begin = time.monotonicNanoseconds()
            var again: [TopicPartition: KafkaClientError] = [:]
            try retrying { () throws(KafkaClientError) in
                let leadership = try byLeader(left.sorted())
                for (partition, refusal) in leadership.refusals {
                    left.remove(partition)
                    answers[partition] = .failure(refusal)
                    if refusal.isOfLeader { again[partition] = refusal }
                }
                for (node, asked) in leadership.nodes {
                    for (partition, answer) in try body(node, asked, isFirst) {
                        switch answer {
                        case .final(let result): answers[partition] = result
                        case .again(let refusal):
                            answers[partition] = .failure(refusal)
                            again[partition] = refusal
                        }
                    }
                    left.subtract(asked)
                }
            }
            leaderless.subtract(partitions.filter { again[$0] == nil })
            for partition in again.keys { leaders[partition] = nil }
            let spent = Duration.nanoseconds(Int64(clamping: time.monotonicNanoseconds() &- begin))
            left = Set(again.keys).subtracting(leaderless)
            guard !left.isEmpty, !isStopping, let pause = schedule.next(spent: spent) else {
                leaderless.formUnion(again.keys)
                return answers
            }
            isFirst = false
            self.pause(pause)
        }
    }

    /// Who leads each of these partitions, by node.
    func byLeader(_ partitions: [TopicPartition]) throws(KafkaClientError) -> Leadership {
        var found = Leadership()
        guard !isSingleNode else {
            if !partitions.isEmpty { found.nodes[.any] = partitions }
            return found
        }
        let unknown = Set(partitions.filter { leaders[$0] == nil }.map(\.topic))
        var refused: [String: KafkaErrorCode] = [:]
        if !unknown.isEmpty {
            for topic in try metadata(of: unknown.sorted()).topics where topic.errorCode != 0 {
                refused[topic.name ?? ""] = KafkaErrorCode(rawValue: topic.errorCode)
            }
        }
        for partition in partitions {
            if let code = refused[partition.topic] {
                found.refusals[partition] = .refused(
                    code,
                    about: "the topic '\(partition.topic)'",
                    ""
                )
            } else if let leader = leaders[partition] {
                found.nodes[.numbered(leader), default: []].append(partition)
            } else {
                found.refusals[partition] = .refused(.leaderNotAvailable, about: "\(partition)", "")
            }
        }
        return found
    }

    /// Who leads a partition.
    func leader(of partition: TopicPartition) throws(KafkaClientError) -> Node {
        let leadership = try byLeader([partition])
        if let refusal = leadership.refusals[partition] { throw refusal }
        guard let node = leadership.nodes.keys.first else {
            throw .refused(.notLeaderOrFollower, about: "\(partition)", "")
        }
        return node
    }

    // MARK: Identity

    /// How these names stand now: by the topics' ids, where a server tells them. Those of which the
    /// cluster tells nothing now are left out.
    func standings(
        of names: [String]
    ) throws(KafkaClientError) -> [String: TopicIdentities.Standing] {
        guard !names.isEmpty else { return [:] }
        var standings: [String: TopicIdentities.Standing] = [:]
        for topic in try metadata(of: names.sorted()).topics {
            let name = topic.name ?? ""
            switch KafkaErrorCode(rawValue: topic.errorCode) {
            case .unknownTopicOrPartition: standings[name] = .gone
            case .none, .leaderNotAvailable:
                standings[name] = identities.standing(of: name, as: topic.topicID)
            default: continue
            }
        }
        return standings
    }

    /// Those of these topics that are not there any more, or of which another one has the name.
    package func goneTopics(
        among names: Set<String>
    ) throws(KafkaClientError) -> Set<String> {
        try retrying { () throws(KafkaClientError) in
            Set(try standings(of: Array(names)).filter { $0.value == .gone }.keys)
        }
    }

    /// Gives up the topic that had this name: from now on the next one of the name is meant by it.
    package func forget(topic name: String) {
        identities.forget(name)
        met.remove(name)
        leaders = leaders.filter { $0.key.topic != name }
        leaderless = leaderless.filter { $0.topic != name }
    }
}

extension KafkaClientError {
    /// Whether nobody answers for a partition now, and another node may soon.
    package var isOfLeader: Bool { code?.isMisdirected ?? false }
}
