import LogModel
import Testing

@testable import BrokerAPI

@Suite struct OwnerConnectionsTests {
    @Test func `a request on an older connection than one that was used came too late`() {
        var owners = OwnerConnections()
        let id = ProducerID(7)
        owners.note("t", id, ProducerEpoch(1), on: 5)
        func isDelayed(_ name: String, _ id: ProducerID, _ epoch: Int16, _ on: UInt64) -> Bool {
            owners.isDelayed(name, id, ProducerEpoch(epoch), on: on)
        }
        #expect(isDelayed("t", id, 1, 4))
        #expect(!isDelayed("t", id, 1, 5))
        #expect(!isDelayed("t", id, 1, 6))
        // That one is under way: none on an older connection goes on beside it, or behind it.
        #expect(isDelayed("t", id, 1, 5))
        owners.note("t", id, ProducerEpoch(1), on: 5)
        #expect(isDelayed("t", id, 1, 5))
        // Another epoch is the coordinator's to judge, another id somebody else's.
        #expect(!isDelayed("t", id, 2, 4))
        #expect(!isDelayed("t", ProducerID(8), 1, 4))
        #expect(!isDelayed("u", id, 1, 4))
    }
}
