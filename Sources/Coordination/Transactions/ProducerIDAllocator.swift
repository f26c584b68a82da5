package import LogModel

/// Hands out producer ids from blocks, each made durable before its first id is used, so that no
/// id is given twice whatever is lost.
package struct ProducerIDAllocator: Equatable, Sendable {
    /// Ids of one block, as Kafka's controller grants them.
    package static let blockSize: Int64 = 1000

    private var next: Int64
    private var end: Int64

    /// Begins behind everything that was ever granted: `end` of the last durable block.
    package init(grantedEnd: ProducerID) {
        precondition(grantedEnd.rawValue >= 0, "producer ids begin at 0")
        next = grantedEnd.rawValue
        end = grantedEnd.rawValue
    }

    /// Whether `take` needs a new block first.
    package var isEmpty: Bool { next == end }

    /// The end of the block to make durable before `grant`.
    package var nextGrantedEnd: ProducerID { ProducerID(end + Self.blockSize) }

    /// Takes over the block that ends at `grantedEnd`, which is durable now.
    package mutating func grant(upTo grantedEnd: ProducerID) {
        precondition(grantedEnd.rawValue >= end, "a block never goes back")
        end = grantedEnd.rawValue
    }

    /// A fresh id.
    ///
    /// - Precondition: `isEmpty` is false.
    package mutating func take() -> ProducerID {
        precondition(!isEmpty, "grant a block first")
        defer { next += 1 }
        return ProducerID(next)
    }
}
