/// The way of evictions round the slots of a table, block by block.
///
/// Each block is visited once a round, but neighbours at very different times: a hand that went
/// from slot to slot would leave emptiness behind it and fullness before it, up to thousands of
/// slots without a free one, where every search for an unknown key has to walk over all.
struct EvictionHand {
    private let blockCount: Int
    /// Has no divisor in common with the number of blocks, so that it comes to all of them.
    private let stride: Int
    private var block = 0

    /// Small enough for its neighbours to even out what leaves it, large enough for the memory.
    static let blockSlotCount = 16

    init(slotCount: Int) {
        blockCount = (slotCount + Self.blockSlotCount - 1) / Self.blockSlotCount
        // By the golden section, any number of visits in a row are spread evenly.
        var stride = max(1, Int(Double(blockCount) * 0.618_033_988_75))
        while Self.commonDivisor(stride, blockCount) > 1 { stride += 1 }
        self.stride = stride
    }

    /// The block to look at now.
    mutating func next() -> Int {
        defer { block = (block + stride) % blockCount }
        return block
    }

    private static func commonDivisor(_ left: Int, _ right: Int) -> Int {
        var (left, right) = (left, right)
        while right != 0 { (left, right) = (right, left % right) }
        return left
    }
}
