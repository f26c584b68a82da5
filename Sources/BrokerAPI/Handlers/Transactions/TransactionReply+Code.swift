import Broker
import Coordination
import LogModel

extension KafkaErrorCode {
    /// Clients of before KIP-588 know only the older name of being fenced.
    func forClients(fencedSince isKnown: Bool) -> KafkaErrorCode {
        self == .producerFenced && !isKnown ? .invalidProducerEpoch : self
    }
}

/// Runs a request to the transaction coordinator; its code, and the pair that it answers.
func coordinated(
    _ request: () throws(BrokerError) -> TransactionReply
) -> (code: KafkaErrorCode, pair: (id: ProducerID, epoch: ProducerEpoch)?) {
    do throws(BrokerError) {
        switch try request() {
        case .done: return (.none, nil)
        case .error(let code): return (code, nil)
        case .producer(let id, let epoch): return (.none, (id, epoch))
        }
    } catch {
        return (error.coordinatorCode, nil)
    }
}
