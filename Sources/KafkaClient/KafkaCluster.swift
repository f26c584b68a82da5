import Glibc
import KafkaRecords
import KafkaWire
import LogModel

/// A cluster that speaks Kafka's protocol, asked by calls that block. Used by one thread.
///
/// It is entered at one address; which node leads a partition or coordinates a group is asked, kept
/// and asked again when it turns out to be wrong. An owner that is reached by its Unix socket is
/// the only node there is, whatever address it tells others.
package final class KafkaCluster {
    package struct Configuration: Sendable {
        /// For a connection to be made.
        package var connectPatience = Duration.seconds(10)
        /// For an answer.
        package var requestPatience = Duration.seconds(30)
        /// For all attempts at the same thing.
        package var retryLimit = Duration.seconds(30)
        /// For a partition to have a leader, where others are asked for as well.
        package var leaderPatience = Duration.milliseconds(1_500)
        /// For the answers to a fetch in which a quota leaves out all records, one after the other.
        package var throttleLimit = Duration.seconds(60)
        /// Told before each wait of a second or more that a node's quota asks for, and how long it
        /// is.
        package var willWaitForQuota: @Sendable (Duration) -> Void = { _ in }
        /// How it is made sure who speaks; on a Unix socket it is.
        package var security = ClientSecurity.none
        /// When, by the monotonic clock, somebody asked for the end; nil before. From then on no
        /// more attempts are made, and answers are not waited for long.
        package var stopTime: @Sendable () -> UInt64? = { nil }

        package init() {}
    }

    /// Who is to be asked.
    enum Node: Hashable {
        case any
        case controller
        case numbered(Int32)
        case coordinator(CoordinatorKey)
    }

    struct CoordinatorKey: Hashable {
        enum Kind: Int8 {
            case group = 0
            case transaction = 1
        }

        let kind: Kind
        let name: String
    }

    package let entry: KafkaAddress
    let configuration: Configuration
    /// The only node that there is, where that is known.
    let isSingleNode: Bool
    private var exchanges: [KafkaAddress: any KafkaExchange] = [:]
    private var addresses: [Int32: KafkaAddress] = [:]
    private var controller: Int32?
    private var coordinators: [CoordinatorKey: Int32] = [:]
    /// Who leads the partitions that were asked for.
    var leaders: [TopicPartition: Int32] = [:]
    /// Those for whose leaders the patience is spent: they are looked for, and not waited for.
    var leaderless: Set<TopicPartition> = []
    /// Which topics are meant by their names.
    var identities = TopicIdentities()
    /// The topics that a node was asked about, whether it told ids or not.
    var met: Set<String> = []
    private(set) var clusterID: String?
    private var throttles = NodeThrottles()
    /// Whether anything was answered behind the versions.
    private var isHeard = false
    /// How often the connection was closed in the place of an answer, before any.
    private var closedCount = 0
    let time = SystemTimeSource()

    /// Enters the cluster; one attempt.
    package init(
        at entry: KafkaAddress,
        configuration: Configuration = Configuration()
    ) throws(KafkaClientError) {
        self.entry = entry
        self.configuration = configuration
        isSingleNode = if case .local = entry { true } else { false }
        exchanges[entry] = try KafkaConnection(
            to: entry,
            patience: configuration.connectPatience,
            security: configuration.security,
            stopTime: configuration.stopTime
        )
    }

    /// Asks the node that was entered at who else there is: one attempt, as patient as to connect.
    /// A port that only accepts connections throws.
    package func makeSureOfEntry() throws(KafkaClientError) {
        _ = try metadata(of: [], patience: configuration.connectPatience)
    }

    /// One node that is there already.
    package init(over exchange: any KafkaExchange, configuration: Configuration = Configuration()) {
        entry = exchange.address
        self.configuration = configuration
        isSingleNode = true
        exchanges[entry] = exchange
    }

    // MARK: Asking

    /// One attempt.
    func ask<Request: KafkaRequest>(
        _ request: Request,
        of node: Node = .any,
        patience: Duration? = nil
    ) throws(KafkaClientError) -> Request.Response {
        try ask(of: node, patience: patience) { _ in request }
    }

    /// The same of a request that depends on its version, `newest` at most.
    func ask<Request: KafkaRequest>(
        of node: Node = .any,
        patience: Duration? = nil,
        upTo newest: Int16 = .max,
        _ make: (Int16) -> Request
    ) throws(KafkaClientError) -> Request.Response {
        let exchange = try exchange(with: node)
        let quotaWait = throttles.wait(for: exchange.address, at: time.monotonicNanoseconds())
        if quotaWait >= .seconds(1) { configuration.willWaitForQuota(quotaWait) }
        pause(quotaWait)
        let patience = patience ?? configuration.requestPatience
        let response: Request.Response
        do throws(KafkaClientError) {
            response = try exchange.ask(patience: patience, upTo: newest, make)
        } catch {
            throw unheard(exchange, Request.api) ?? error
        }
        isHeard = true
        if let throttled = response as? any ThrottledResponse {
            throttles.note(
                throttled.throttleTimeMs,
                by: exchange.address,
                at: time.monotonicNanoseconds()
            )
        }
        return response
    }

    /// Whether nothing but its versions was ever told by this cluster, and it has closed a second
    /// connection in the place of an answer: once, it may have been just ending.
    private func unheard(_ exchange: any KafkaExchange, _ api: WireAPI) -> KafkaClientError? {
        guard !isHeard, !isSingleNode, exchange.wasClosed, configuration.security.login == nil
        else { return nil }
        closedCount += 1
        return closedCount > 1 ? .unheard(exchange.address, request: api.name) : nil
    }

    /// Does nothing for so long, or until somebody asks for the end.
    func pause(_ duration: Duration) {
        let deadline = Deadline(after: duration)
        while !isStopping, !deadline.isOver {
            var step = timespec(
                tv_sec: 0,
                tv_nsec: Int(min(deadline.millisecondsLeft, Self.pauseStep)) * 1_000_000
            )
            nanosleep(&step, nil)
        }
    }

    private static let pauseStep: Int32 = 50

    /// Whether somebody asked for the end.
    package var isStopping: Bool { configuration.stopTime() != nil }

    /// Attempts `body` until it succeeds, fails for good, or the time for it is over. Where the
    /// last attempt reached nobody, an earlier one may have: its error is thrown, which says so.
    func retrying<Result>(
        _ body: () throws(KafkaClientError) -> Result
    ) throws(KafkaClientError) -> Result {
        var schedule = RetrySchedule(limit: configuration.retryLimit)
        var lost: KafkaClientError?
        while true {
            let begin = time.monotonicNanoseconds()
            do throws(KafkaClientError) { return try body() } catch {
                let spent = Duration.nanoseconds(
                    Int64(clamping: time.monotonicNanoseconds() &- begin)
                )
                guard error.isRetriable, !isStopping,
                    let pause = schedule.next(spent: spent)
                else {
                    if case .unreachable = error { throw lost ?? error }
                    throw error
                }
                if case .lost = error { lost = error }
                forgetWhoIsAsked(after: error)
                self.pause(pause)
            }
        }
    }

    /// Throws what a code says; `none` is no error.
    func check(
        _ code: Int16,
        about subject: some CustomStringConvertible,
        _ message: String? = nil
    ) throws(KafkaClientError) {
        let code = KafkaErrorCode(rawValue: code)
        guard code != .none else { return }
        throw .refused(code, about: "\(subject)", message ?? "")
    }

    private func forgetWhoIsAsked(after error: KafkaClientError) {
        if let code = error.code, !code.isMisdirected { return }
        leaders = [:]
        coordinators = [:]
        controller = nil
    }

    // MARK: Nodes

    private func exchange(with node: Node) throws(KafkaClientError) -> any KafkaExchange {
        guard !isSingleNode else { return try exchange(at: entry) }
        switch node {
        case .any: return try anyExchange()
        case .controller:
            if controller == nil { _ = try metadata(of: []) }
            guard let controller else { return try anyExchange() }
            return try exchange(withNode: controller)
        case .numbered(let id): return try exchange(withNode: id)
        case .coordinator(let key):
            return try exchange(withNode: coordinator(of: key))
        }
    }

    private func exchange(withNode id: Int32) throws(KafkaClientError) -> any KafkaExchange {
        if addresses[id] == nil { _ = try metadata(of: []) }
        guard let address = addresses[id] else {
            throw .refused(.leaderNotAvailable, about: "the node \(id)", "it is not there now")
        }
        return try exchange(at: address)
    }

    /// One that is open, or a new one: the entry's, else any node's.
    private func anyExchange() throws(KafkaClientError) -> any KafkaExchange {
        if let open = exchanges.values.first(where: { !$0.isBroken }) { return open }
        let first: KafkaClientError
        do throws(KafkaClientError) { return try exchange(at: entry) } catch { first = error }
        for address in addresses.values where address != entry {
            if let other = try? exchange(at: address) { return other }
        }
        throw first
    }

    private func exchange(at address: KafkaAddress) throws(KafkaClientError) -> any KafkaExchange {
        if let open = exchanges[address], !open.isBroken { return open }
        exchanges[address] = nil
        let made = try KafkaConnection(
            to: address,
            patience: configuration.connectPatience,
            security: configuration.security,
            stopTime: configuration.stopTime
        )
        exchanges[address] = made
        return made
    }

    private func coordinator(of key: CoordinatorKey) throws(KafkaClientError) -> Int32 {
        if let known = coordinators[key] { return known }
        let found = try ask(FindCoordinatorRequest(key: key.name, keyType: key.kind.rawValue))
        try check(found.errorCode, about: "the coordinator of \(key.name)", found.errorMessage)
        if let port = UInt16(exactly: found.port) {
            addresses[found.nodeID] = .network(host: found.host, port: port)
        }
        coordinators[key] = found.nodeID
        return found.nodeID
    }

    // MARK: Metadata

    /// What the cluster says of these topics, of all for nil; its nodes and leaders are noted.
    func metadata(
        of names: [String]?,
        patience: Duration? = nil
    ) throws(KafkaClientError) -> MetadataResponse {
        let response = try ask(
            MetadataRequest(
                topics: names.map { names in
                    names.map { MetadataRequest.MetadataRequestTopic(name: $0) }
                },
                allowAutoTopicCreation: false
            ),
            patience: patience
        )
        for broker in response.brokers {
            if let port = UInt16(exactly: broker.port) {
                addresses[broker.nodeID] = .network(host: broker.host, port: port)
            }
        }
        controller = response.controllerID >= 0 ? response.controllerID : nil
        clusterID = response.clusterID
        for topic in response.topics {
            let topicName = topic.name ?? ""
            identities.note(topicName, topic.topicID)
            met.insert(topicName)
            for partition in topic.partitions {
                let name = TopicPartition(topicName, PartitionIndex(partition.partitionIndex))
                leaders[name] = partition.leaderID >= 0 ? partition.leaderID : nil
            }
        }
        return response
    }
}

extension KafkaCluster {
    /// Every node that there is.
    func nodes() throws(KafkaClientError) -> [Node] {
        if isSingleNode { return [.any] }
        return try metadata(of: []).brokers.map { .numbered($0.nodeID) }
    }
}
