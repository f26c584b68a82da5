package import LogModel

/// Hands out producer ids from blocks, each made durable before its first id is used, so that no
/// id is given twice whatever is lost. One for all shards of the transaction coordinator.
package struct ProducerIDAllocator: Equatable, Sendable {
    /// Ids of one block, as Kafka's controller grants them.
    package static let blockSize: Int64 = 1000

    private var next: Int64
    private var end: Int64

    /// Begins behind the end of the last durable block and behind `highestKnown`, the highest id
    /// that any log names.
    package init(grantedEnd: ProducerID, highestKnown: ProducerID = .none) {
        let behindKnown = highestKnown.rawValue.addingReportingOverflow(1)
        let begin = max(
            0,
            grantedEnd.rawValue,
            behindKnown.overflow ? Int64.max : behindKnown.partialValue
        )
        next = begin
        end = begin
    }

    /// Goes behind ids of which somebody else tells; no block is begun.
    package mutating func pass(_ granted: ProducerID) {
        guard isEmpty, granted.rawValue > end else { return }
        next = granted.rawValue
        end = granted.rawValue
    }

    /// Whether `take` needs a new block first.
    package var isEmpty: Bool { next == end }

    /// The end of the block to make durable before `grant`; nil if there are no more ids.
    package var nextGrantedEnd: ProducerID? {
        let (sum, isOutOfRange) = end.addingReportingOverflow(Self.blockSize)
        return isOutOfRange ? nil : ProducerID(sum)
    }

    /// Takes over the block that ends at `grantedEnd`, which is durable now.
    package mutating func grant(upTo grantedEnd: ProducerID) {
        precondition(grantedEnd.rawValue >= end, "a block never goes back")
        end = grantedEnd.rawValue
    }

    /// A fresh id; nil if a block must be granted first.
    package mutating func take() -> ProducerID? {
        guard !isEmpty else { return nil }
        defer { next += 1 }
        return ProducerID(next)
    }
}
