import KafkaWire

/// An answer of a cluster with quotas: for how long the node reads nothing more from this client.
protocol ThrottledResponse {
    var throttleTimeMs: Int32 { get }
}

extension AddPartitionsToTxnResponse: ThrottledResponse {}
extension AlterUserScramCredentialsResponse: ThrottledResponse {}
extension ConsumerGroupDescribeResponse: ThrottledResponse {}
extension CreateAclsResponse: ThrottledResponse {}
extension CreatePartitionsResponse: ThrottledResponse {}
extension CreateTopicsResponse: ThrottledResponse {}
extension DeleteAclsResponse: ThrottledResponse {}
extension DeleteGroupsResponse: ThrottledResponse {}
extension DeleteRecordsResponse: ThrottledResponse {}
extension DeleteTopicsResponse: ThrottledResponse {}
extension DescribeAclsResponse: ThrottledResponse {}
extension DescribeConfigsResponse: ThrottledResponse {}
extension DescribeGroupsResponse: ThrottledResponse {}
extension DescribeProducersResponse: ThrottledResponse {}
extension DescribeTransactionsResponse: ThrottledResponse {}
extension DescribeUserScramCredentialsResponse: ThrottledResponse {}
extension EndTxnResponse: ThrottledResponse {}
extension FetchResponse: ThrottledResponse {}
extension FindCoordinatorResponse: ThrottledResponse {}
extension IncrementalAlterConfigsResponse: ThrottledResponse {}
extension InitProducerIdResponse: ThrottledResponse {}
extension ListGroupsResponse: ThrottledResponse {}
extension ListOffsetsResponse: ThrottledResponse {}
extension ListTransactionsResponse: ThrottledResponse {}
extension MetadataResponse: ThrottledResponse {}
extension OffsetCommitResponse: ThrottledResponse {}
extension OffsetFetchResponse: ThrottledResponse {}
extension ProduceResponse: ThrottledResponse {}

/// Which nodes hold this client back, and until when: a server with quotas answers at once, says
/// for how long, and reads the next request only then (KIP-219). Waited for before that request,
/// the time is none of the request's own.
struct NodeThrottles {
    private var ends: [KafkaAddress: UInt64] = [:]

    /// Whatever a server says, it is asked again after this time.
    static let longest = Duration.seconds(60)

    /// The time of an answer, within bounds.
    static func time(_ milliseconds: Int32) -> Duration {
        min(max(.milliseconds(milliseconds), .zero), longest)
    }

    /// - Parameter now: nanoseconds of a clock that only goes forward, as in the other call.
    mutating func note(_ milliseconds: Int32, by address: KafkaAddress, at now: UInt64) {
        let time = Self.time(milliseconds)
        guard time > .zero else { return }
        let (seconds, attoseconds) = time.components
        ends[address] =
            now &+ UInt64(seconds) * 1_000_000_000 &+ UInt64(attoseconds / 1_000_000_000)
    }

    /// How long to wait before this node is asked again.
    mutating func wait(for address: KafkaAddress, at now: UInt64) -> Duration {
        guard let end = ends[address] else { return .zero }
        guard now < end else {
            ends[address] = nil
            return .zero
        }
        return .nanoseconds(Int64(clamping: end - now))
    }
}
