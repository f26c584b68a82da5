import LogModel
import Testing

@testable import BrokerAPI

@Suite struct OwnerConnectionsTests {
    @Test func `a request on an older connection than one that was used came too late`() {
        var owners = OwnerConnections()
        let id = ProducerID(7)
        owners.note("t", id, ProducerEpoch(1), on: 5)
        #expect(owners.isDelayed("t", id, ProducerEpoch(1), on: 4))
        #expect(!owners.isDelayed("t", id, ProducerEpoch(1), on: 5))
        #expect(!owners.isDelayed("t", id, ProducerEpoch(1), on: 6))
        // Another epoch is the coordinator's to judge, another id somebody else's.
        #expect(!owners.isDelayed("t", id, ProducerEpoch(2), on: 4))
        #expect(!owners.isDelayed("t", ProducerID(8), ProducerEpoch(1), on: 4))
        #expect(!owners.isDelayed("u", id, ProducerEpoch(1), on: 4))
    }
}
