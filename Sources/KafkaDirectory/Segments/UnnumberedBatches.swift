import LogModel
import LogStorage

/// Batches that name a producer and no sequence number: no broker takes one from a client, for such
/// a number is what tells a duplicate. Whoever reads a log does not mind.
struct UnnumberedBatches {
    private(set) var first: UnderstatedTimes.Place?
    private var producer = ProducerID.none
    private var sequence = SequenceNumber.none
    private var count = 0

    /// Takes note of a batch that lies in a topic of clients.
    mutating func note(_ batch: RecordBatchView, at place: UnderstatedTimes.Place) {
        guard batch.lacksSequence else { return }
        count += 1
        guard first == nil else { return }
        first = place
        producer = batch.producerID
        sequence = batch.baseSequence
    }

    var reason: String {
        let others =
            switch count - 1 {
            case 0: ""
            case 1: "; so has 1 more batch"
            case let more: "; so have \(more) more batches"
            }
        return "a batch of producer \(producer.rawValue) has the sequence number "
            + "\(sequence.rawValue), which no producer sends: its records come over without their "
            + "producer, and with --raw it is refused\(others)"
    }
}
