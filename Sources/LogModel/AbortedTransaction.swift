/// An aborted transaction that a read_committed reader must leave out: the records of `producerID`
/// from `firstOffset` on, up to that producer's next abort marker.
public struct AbortedTransaction: Hashable, Sendable {
    public var producerID: ProducerID
    public var firstOffset: Offset
    public init(producerID: ProducerID, firstOffset: Offset) {
        self.producerID = producerID
        self.firstOffset = firstOffset
    }
}
