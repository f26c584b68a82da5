/// What the largest values are found by: numbers.
public protocol TopScore: Sendable {
    /// 64 bits in the order of the scores; nil for what has no place in it.
    var orderedBits: UInt64? { get }
}

extension Int64: TopScore {
    public var orderedBits: UInt64? { UInt64(bitPattern: self) ^ 1 << 63 }
}

extension Int: TopScore {
    public var orderedBits: UInt64? { Int64(self).orderedBits }
}

extension Int32: TopScore {
    public var orderedBits: UInt64? { Int64(self).orderedBits }
}

extension Double: TopScore {
    /// Both zeros are one score; NaN is none.
    public var orderedBits: UInt64? {
        guard !isNaN else { return nil }
        let bits = (self == 0 ? 0 : self).bitPattern
        return bits & 1 << 63 == 0 ? bits | 1 << 63 : ~bits
    }
}

extension TopScore {
    /// The bits, or the error of the operator.
    @usableFromInline
    func requireBits() throws -> UInt64 {
        guard let orderedBits else { throw SerdeError("a score that is not a number") }
        return orderedBits
    }
}
