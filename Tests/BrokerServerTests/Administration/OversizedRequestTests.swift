import Broker
import BrokerAPI
import Bytes
import KafkaRecords
import KafkaWire
import LogModel
import Synchronization
import Testing

/// Requests of very many small parts, which would become much more than their bytes.
@Suite struct OversizedRequestTests {
    private final class Told: Sendable {
        let requests = Mutex<[OversizedRequest]>([])
    }

    @Test func `what takes too much memory is refused and told, what fits is answered`() throws {
        let told = Told()
        var configuration = APIConfiguration()
        configuration.requestMemoryByteLimit = 1 << 20
        configuration.onOversizedRequest = { request in
            told.requests.withLock { $0.append(request) }
        }
        let harness = try APIHarness(configuration)
        let few: DescribeGroupsResponse = try harness.ask(
            DescribeGroupsRequest(groups: [String](repeating: "", count: 1000)),
            15,
            5
        )
        #expect(few.groups.count == 1000)
        let many = try DescribeGroupsRequest(groups: [String](repeating: "", count: 10_000))
            .encoded(version: 5)
        #expect(try harness.answer(15, 5, body: many) == nil)
        let seen = told.requests.withLock { $0 }
        #expect(seen.map(\.api) == ["DescribeGroups"])
        #expect(seen.map(\.byteCount) == [many.count])
        try harness.close()
    }

    @Test func `arrays within arrays and unknown tags count`() throws {
        var configuration = APIConfiguration()
        configuration.requestMemoryByteLimit = 1 << 20
        let harness = try APIHarness(configuration)
        let topic = OffsetFetchRequest.OffsetFetchRequestTopics(
            name: "t",
            partitionIndexes: Array(0..<100)
        )
        let group = OffsetFetchRequest.OffsetFetchRequestGroup(
            groupID: "g",
            topics: [OffsetFetchRequest.OffsetFetchRequestTopics](repeating: topic, count: 100)
        )
        let nested = try OffsetFetchRequest(groups: [group]).encoded(version: 8)
        #expect(try harness.answer(9, 8, body: nested) == nil)
        var tagged = DescribeGroupsRequest()
        tagged.unknownTags = (0..<10_000).map { RawTaggedField(tag: UInt32($0) + 100, bytes: []) }
        #expect(try harness.answer(15, 5, body: tagged.encoded(version: 5)) == nil)
        try harness.close()
    }
}
