import DirectoryAccess
import KafkaClient
import KafkaRecords
import KafkaWire
import Terminal
import Testing

@testable import ClientCommands

/// Groups that are no groups of readers.
@Suite struct GroupKindTests {
    /// A cluster that lists a share group, and knows none when it is asked for a group's state.
    private final class SharingExchange: KafkaExchange {
        let address = KafkaAddress.network(host: "127.0.0.1", port: 1)
        let isBroken = false
        private let type: String

        init(_ type: String) { self.type = type }

        func exchange(
            _ api: WireAPI,
            among versions: ClosedRange<Int16>,
            patience: Duration,
            body: (Int16) throws(KafkaClientError) -> [UInt8]
        ) throws(KafkaClientError) -> (body: [UInt8], start: Int, version: Int16) {
            let version = versions.upperBound
            let answer: any KafkaMessage
            switch api.name {
            case "ListGroups":
                answer = ListGroupsResponse(groups: [
                    .init(groupID: "g", groupState: "Stable", groupType: type)
                ])
            case "DescribeGroups": answer = DescribeGroupsResponse(groups: [.init(errorCode: 69)])
            case "ConsumerGroupDescribe":
                answer = ConsumerGroupDescribeResponse(groups: [.init(errorCode: 69)])
            default: throw .nonsense(address, "\(api.name) is not expected")
            }
            do { return (try answer.encoded(version: version), 0, version) } catch {
                throw .nonsense(address, "\(error)")
            }
        }
    }

    private func log(_ type: String) -> ServedLog {
        ServedLog(KafkaCluster(over: SharingExchange(type)), at: .directory("d"))
    }

    @Test(
        arguments: [
            ("Share", "a share group"), ("Streams", "a group of Kafka Streams"),
            ("Newer", "a group of the kind 'Newer'"),
        ]
    )
    func `a group of another kind is told as that`(type: String, words: String) throws {
        let log = log(type)
        let described = #expect(throws: CommandFailure.self) { try log.requireGroup("g") }
        #expect(described?.what == "the group 'g' is \(words)")
        let read = #expect(throws: CommandFailure.self) { try log.requireReadable(group: "g") }
        #expect(read?.what == "the group 'g' is \(words)")
        let other = #expect(throws: CommandFailure.self) { try log.requireGroup("h") }
        #expect(other?.what == "the group 'h' does not exist")
        #expect(throws: Never.self) { try log.requireReadable(group: "h") }
    }

    @Test(arguments: ["Classic", "consumer", ""])
    func `a group that is only listed is not suggested for itself`(type: String) throws {
        let log = log(type)
        let described = #expect(throws: CommandFailure.self) { try log.requireGroup("g") }
        #expect(described?.what == "the group 'g' does not exist")
        #expect(described?.reason == nil)
    }
}
