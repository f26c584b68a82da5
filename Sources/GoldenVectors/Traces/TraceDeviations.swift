import BrokerAPI
import KafkaWire

/// What `docs/internals/deviations.md` states of answers, known by what was asked, answered and
/// done before, wherever it stands in a conversation. Only the entry that differs so is taken for
/// equal: the rest of the answer must be Kafka's.
struct TraceDeviations {
    /// Transaction version 0, at which that broker was kept.
    let isOfVersionZero: Bool
    /// A request of transaction version 2 was refused there, and its transactional id is held for
    /// ever.
    private var isHeldForEver = false
    /// By what was asked of them in this conversation.
    private(set) var consumerGroups: Set<JSON> = []
    private(set) var classicGroups: Set<JSON> = []
    private(set) var knownGroups: Set<JSON> = []
    /// Groups that ours goes on with where Kafka does not.
    private var partedGroups: Set<JSON> = []
    /// Transactional ids whose owner was not fenced by an older one.
    private(set) var unfenced: Set<JSON> = []
    /// By transactional id.
    private(set) var newestConnections: [JSON: UInt64] = [:]
    private(set) var newestEpochs: [JSON: Int64] = [:]
    private(set) var producerIDs: [JSON: JSON] = [:]
    /// Of the request that was asked last.
    private(set) var connection: UInt64 = 0

    init(isOfVersionZero: Bool) { self.isOfVersionZero = isOfVersionZero }

    // MARK: Events

    mutating func asked(_ request: TraceRequest, _ step: TraceStep) {
        connection = step.connection
        let group = request.group
        if step.expected == .nothing, request.hasUnreadableSubscription {
            partedGroups.insert(group)
        }
        switch request.name {
        case "ConsumerGroupHeartbeat": consumerGroups.insert(group)
        case "JoinGroup": classicGroups.insert(group)
        case "OffsetCommit", "TxnOffsetCommit": break
        default: return
        }
        knownGroups.insert(group)
    }

    mutating func answered(_ request: TraceRequest, _ actual: JSON) {
        let transaction = request.transaction
        if request.isOfTransactionOwner, transaction != .null {
            newestConnections[transaction] = max(connection, newestConnections[transaction] ?? 0)
        }
        guard request.name == "InitProducerId", actual["errorCode"] == .integer(0) else { return }
        producerIDs[transaction] = actual["producerId"]
        if case .integer(let epoch)? = actual["producerEpoch"] {
            newestEpochs[transaction] = epoch
        }
    }

    /// Ours answered at once what Kafka asked to try again.
    mutating func answeredAtOnce(_ request: TraceRequest, _ actual: JSON) {
        if request.name == "InitProducerId", actual["errorCode"] == .integer(90) {
            unfenced.insert(request.transaction)
        }
    }

    // MARK: Comparing

    /// Why another outcome than an answer in the place of an answer is stated, or the other way
    /// round; nil where it is not.
    func reason(
        _ expected: TraceStep.Expected,
        _ outcome: TraceServer.Outcome,
        to request: TraceRequest
    ) -> String? {
        switch (expected, outcome) {
        case (.answer, .closed) where isUnserved(request):
            return "\(request.name) \(request.version) is not served"
        case (.nothing, .frame) where request.hasUnreadableSubscription:
            return "what members tell the leader is not looked into: the join is answered"
        case (.answer, _), (.closed, _), (.nothing, _): return nil
        }
    }

    private func isUnserved(_ request: TraceRequest) -> Bool {
        guard request.bytes == nil else { return false }
        return WireAPI.isUnserved(request.key)
            || request.key == 24 && StatedVersions.ofBrokers.contains(request.version)
    }

    /// Kafka's answer with ours where ours is stated, and what is stated.
    mutating func adapted(
        _ expected: JSON,
        to actual: JSON,
        of request: TraceRequest
    ) -> (JSON, reasons: [String]) {
        if request.key == APITable.apiVersionsKey {
            let adapted = StatedVersions.adapted(expected, to: actual)
            return (adapted, adapted == expected ? [] : [StatedVersions.words])
        }
        if request.isOfVersionTwo, expected.hasError(35) { isHeldForEver = true }
        if isHeldForEver {
            return (actual, ["transaction.version is 2: no request of it holds an id for ever"])
        }
        if partedGroups.contains(request.group) {
            return (actual, ["the group went on, where Kafka waits for its member"])
        }
        var reasons: [String] = []
        let adapted = adapted(expected, actual, request, &reasons)
        return (adapted, reasons)
    }

    private mutating func adapted(
        _ expected: JSON,
        _ actual: JSON,
        _ request: TraceRequest,
        _ reasons: inout [String]
    ) -> JSON {
        switch (expected, actual) {
        case (.object(var members), .object(let ours)):
            if let reason = reason(expected, actual, request) {
                if !reasons.contains(reason) { reasons.append(reason) }
                return actual
            }
            for (name, value) in members {
                guard let other = ours[name] else { continue }
                members[name] = adapted(value, other, request, &reasons)
            }
            return .object(members)
        case (.array(let values), .array(let ours)) where values.count == ours.count:
            return .array(zip(values, ours).map { adapted($0, $1, request, &reasons) })
        default: return expected
        }
    }

    /// Why an entry of an answer is another one.
    private mutating func reason(
        _ expected: JSON,
        _ actual: JSON,
        _ request: TraceRequest
    ) -> String? {
        if let group = expected["groupId"], group == actual["groupId"] {
            if partedGroups.contains(group), expected != actual {
                return "the group went on, where Kafka waits for its member"
            }
            if !knownGroups.contains(group), Self.isGone(actual), !Self.isGone(expected) {
                return "another conversation left the group behind"
            }
        }
        if expected["configSource"] == .integer(1), actual["configSource"] == .integer(5),
            expected["name"] == actual["name"], expected["value"] == actual["value"],
            TraceRequest.isUnheeded(expected["name"])
        {
            return "an option that the log does not heed is at its default"
        }
        for name in ["errorCode", "partitionErrorCode"] {
            guard case .integer(let kafka)? = expected[name],
                case .integer(let ours)? = actual[name], kafka != ours
            else { continue }
            guard let reason = reason(kafka, ours, request) else { return nil }
            if request.name == "InitProducerId", ours == 90 { unfenced.insert(request.transaction) }
            if request.name == "JoinGroup" { partedGroups.insert(request.group) }
            return reason
        }
        return nil
    }

    /// Whether there is no such group.
    private static func isGone(_ entry: JSON) -> Bool {
        entry["groupState"] == .string("Dead") || entry["errorCode"] == .integer(69)
    }
}
