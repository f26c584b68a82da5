package import KafkaRecords
package import KafkaWire

/// A request that the client sends: of which API, and in which versions it is used here. Those are
/// fewer than there are types for where later ones would need what the client does not do.
package protocol KafkaRequest: KafkaMessage {
    associatedtype Response: KafkaMessage
    static var api: WireAPI { get }
    static var usedVersions: ClosedRange<Int16> { get }
}

extension KafkaRequest {
    package static var usedVersions: ClosedRange<Int16> { versions }
}

extension WireAPI {
    /// An API that has types: every request below is one.
    static func known(_ key: Int16) -> WireAPI {
        guard let api = WireAPI.named(by: key) else {
            preconditionFailure("the API \(key) has no types")
        }
        return api
    }
}

extension ApiVersionsRequest: KafkaRequest {
    package typealias Response = ApiVersionsResponse
    package static let api = WireAPI.known(18)
    package static let usedVersions: ClosedRange<Int16> = 0...3
}

extension MetadataRequest: KafkaRequest {
    package typealias Response = MetadataResponse
    package static let api = WireAPI.known(3)
    // From 4 on a topic that is asked for is not made by the asking.
    package static let usedVersions: ClosedRange<Int16> = 4...12
}

extension FindCoordinatorRequest: KafkaRequest {
    package typealias Response = FindCoordinatorResponse
    package static let api = WireAPI.known(10)
    // From 4 on it asks for several at once, in another form.
    package static let usedVersions: ClosedRange<Int16> = 1...3
}

extension ProduceRequest: KafkaRequest {
    package typealias Response = ProduceResponse
    package static let api = WireAPI.known(0)
    package static let usedVersions: ClosedRange<Int16> = 3...11
}

extension FetchRequest: KafkaRequest {
    package typealias Response = FetchResponse
    package static let api = WireAPI.known(1)
    // From 13 on topics have ids in the place of names.
    package static let usedVersions: ClosedRange<Int16> = 5...13
    static let newestWithNames: Int16 = 12
}

extension ListOffsetsRequest: KafkaRequest {
    package typealias Response = ListOffsetsResponse
    package static let api = WireAPI.known(2)
    // From 2 on it says which isolation level is meant.
    package static let usedVersions: ClosedRange<Int16> = 2...7
}

extension InitProducerIdRequest: KafkaRequest {
    package typealias Response = InitProducerIdResponse
    package static let api = WireAPI.known(22)
    package static let usedVersions: ClosedRange<Int16> = 0...4
}

extension AddPartitionsToTxnRequest: KafkaRequest {
    package typealias Response = AddPartitionsToTxnResponse
    package static let api = WireAPI.known(24)
    // From 4 on it is one broker's request to another, for several transactions.
    package static let usedVersions: ClosedRange<Int16> = 0...3
}

extension EndTxnRequest: KafkaRequest {
    package typealias Response = EndTxnResponse
    package static let api = WireAPI.known(26)
    // From 5 on its end gives the producer another epoch.
    package static let usedVersions: ClosedRange<Int16> = 0...4
}

extension CreateTopicsRequest: KafkaRequest {
    package typealias Response = CreateTopicsResponse
    package static let api = WireAPI.known(19)
}

extension DeleteTopicsRequest: KafkaRequest {
    package typealias Response = DeleteTopicsResponse
    package static let api = WireAPI.known(20)
    package static let usedVersions: ClosedRange<Int16> = 1...5
}

extension CreatePartitionsRequest: KafkaRequest {
    package typealias Response = CreatePartitionsResponse
    package static let api = WireAPI.known(37)
}

extension DeleteRecordsRequest: KafkaRequest {
    package typealias Response = DeleteRecordsResponse
    package static let api = WireAPI.known(21)
}

extension DescribeConfigsRequest: KafkaRequest {
    package typealias Response = DescribeConfigsResponse
    package static let api = WireAPI.known(32)
}

extension IncrementalAlterConfigsRequest: KafkaRequest {
    package typealias Response = IncrementalAlterConfigsResponse
    package static let api = WireAPI.known(44)
}

extension OffsetFetchRequest: KafkaRequest {
    package typealias Response = OffsetFetchResponse
    package static let api = WireAPI.known(9)
    // From 8 on it asks for several groups at once, in another form.
    package static let usedVersions: ClosedRange<Int16> = 2...7
}

extension OffsetCommitRequest: KafkaRequest {
    package typealias Response = OffsetCommitResponse
    package static let api = WireAPI.known(8)
    package static let usedVersions: ClosedRange<Int16> = 2...9
}

extension ListGroupsRequest: KafkaRequest {
    package typealias Response = ListGroupsResponse
    package static let api = WireAPI.known(16)
}

extension DescribeGroupsRequest: KafkaRequest {
    package typealias Response = DescribeGroupsResponse
    package static let api = WireAPI.known(15)
}

extension ConsumerGroupDescribeRequest: KafkaRequest {
    package typealias Response = ConsumerGroupDescribeResponse
    package static let api = WireAPI.known(69)
}

extension DeleteGroupsRequest: KafkaRequest {
    package typealias Response = DeleteGroupsResponse
    package static let api = WireAPI.known(42)
}

extension ListTransactionsRequest: KafkaRequest {
    package typealias Response = ListTransactionsResponse
    package static let api = WireAPI.known(66)
    package static let usedVersions: ClosedRange<Int16> = 0...1
}

extension DescribeTransactionsRequest: KafkaRequest {
    package typealias Response = DescribeTransactionsResponse
    package static let api = WireAPI.known(65)
}

extension DescribeProducersRequest: KafkaRequest {
    package typealias Response = DescribeProducersResponse
    package static let api = WireAPI.known(61)
}

extension WriteTxnMarkersRequest: KafkaRequest {
    package typealias Response = WriteTxnMarkersResponse
    package static let api = WireAPI.known(27)
    package static let usedVersions: ClosedRange<Int16> = 1...1
}

extension DescribeUserScramCredentialsRequest: KafkaRequest {
    package typealias Response = DescribeUserScramCredentialsResponse
    package static let api = WireAPI.known(50)
}

extension AlterUserScramCredentialsRequest: KafkaRequest {
    package typealias Response = AlterUserScramCredentialsResponse
    package static let api = WireAPI.known(51)
}

extension DescribeAclsRequest: KafkaRequest {
    package typealias Response = DescribeAclsResponse
    package static let api = WireAPI.known(29)
}

extension CreateAclsRequest: KafkaRequest {
    package typealias Response = CreateAclsResponse
    package static let api = WireAPI.known(30)
}

extension DeleteAclsRequest: KafkaRequest {
    package typealias Response = DeleteAclsResponse
    package static let api = WireAPI.known(31)
}
