import LogModel
import Testing

@testable import Coordination

/// Two ids that Unicode calls equivalent, and that differ in their bytes.
@Suite struct ExactTextTests {
    let composed = "Espa\u{F1}a0"
    let decomposed = "Espan\u{303}a0"

    @Test func `text is equal by its bytes and not by Unicode's equivalence`() {
        #expect(composed == decomposed)
        #expect(ExactText(composed) != ExactText(decomposed))
        #expect(ExactText(decomposed) < ExactText(composed))
        #expect(Set([ExactText(composed), ExactText(decomposed)]).count == 2)
    }

    @Test func `equivalent transactional ids are two owners, also after a replay`() {
        var h = CoordinatorHarness()
        #expect(h.begin(composed) == pair(0, 0))
        #expect(h.begin(decomposed) == pair(1, 0))
        #expect(h.begin(composed) == pair(0, 1))
        #expect(h.coordinator.transactionalIDs.count == 2)

        var restarted = TransactionCoordinator()
        for record in h.log { restarted.replay(record) }
        restarted.checkInvariants()
        #expect(restarted.describe(composed)?.producerID == ProducerID(0))
        #expect(restarted.describe(decomposed)?.producerID == ProducerID(1))
    }
}
