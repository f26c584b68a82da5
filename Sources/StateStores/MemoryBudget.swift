import Synchronization

/// The memory that the stores of a process share, whatever their number: five eighths for tables,
/// indexes and what engines hold of their files, one for the blocks that engines read, one for the
/// copies that checkpoints write, and one for what engines need to merge files and what the heap
/// loses between its blocks.
///
/// Who is below its fair share may always grow; whoever has more than that gives back, once all
/// together have more than there is.
public final class MemoryBudget: Sendable {
    /// What tables, indexes and engines may hold together.
    let byteLimit: Int
    /// What any store may hold, however many there are.
    private let leastShare: Int
    /// What the copies of checkpoints may hold together before others wait for them.
    let copyByteLimit: Int
    private let used = Atomic(0)
    /// What belongs to stores that can give nothing back.
    private let fixed = Atomic(0)
    private let sharerCount = Atomic(0)
    private let copied = Atomic(0)

    /// A budget of so many bytes in all. A store with less than `leastShare` is left alone: to keep
    /// thousands of small ones smaller would cost more than it gives.
    public init(byteCount: Int, leastShare: Int = 512 << 10) {
        self.leastShare = leastShare
        byteLimit = byteCount / 8 * 5
        copyByteLimit = byteCount / 8
    }

    /// What all stores hold now.
    public var heldByteCount: Int { used.load(ordering: .relaxed) }

    /// What they may hold together.
    public var heldByteLimit: Int { byteLimit }

    /// The part of a budget that is for the blocks that engines read.
    public static func cacheByteCount(of byteCount: Int) -> Int { byteCount / 8 }

    /// Notes that the copy of a checkpoint takes memory, or gives it back.
    func addCopy(_ change: Int) { copied.add(change, ordering: .relaxed) }

    /// Whether a checkpoint may copy what it is to write.
    var hasRoomForCopy: Bool { copied.load(ordering: .relaxed) < copyByteLimit }

    fileprivate func add(_ change: Int, isFixed: Bool) {
        used.add(change, ordering: .relaxed)
        if isFixed { fixed.add(change, ordering: .relaxed) }
    }

    fileprivate func addSharer(_ change: Int) { sharerCount.add(change, ordering: .relaxed) }

    /// What nobody holds; below 0 if more is held than there is.
    fileprivate var free: Int { byteLimit - used.load(ordering: .relaxed) }

    fileprivate var fairShare: Int {
        let shared = max(0, byteLimit - fixed.load(ordering: .relaxed))
        return max(leastShare, shared / max(1, sharerCount.load(ordering: .relaxed)))
    }
}

/// What one store holds of the budget. For the store's thread.
final class MemoryShare {
    private let budget: MemoryBudget
    /// Whether the store can let keys go and get them back.
    private let isElastic: Bool
    private(set) var byteCount = 0

    init(of budget: MemoryBudget, isElastic: Bool) {
        self.budget = budget
        self.isElastic = isElastic
        if isElastic { budget.addSharer(1) }
    }

    deinit {
        update(to: 0)
        if isElastic { budget.addSharer(-1) }
    }

    /// Notes what the store holds now.
    func update(to newByteCount: Int) {
        let change = newByteCount - byteCount
        guard change != 0 else { return }
        budget.add(change, isFixed: !isElastic)
        byteCount = newByteCount
    }

    /// How many bytes more the store may take.
    var room: Int {
        isElastic ? max(0, budget.free, budget.fairShare - byteCount) : .max
    }

    /// How many bytes the store has to give back.
    var excess: Int {
        guard isElastic, budget.free < 0 else { return 0 }
        return max(0, min(-budget.free, byteCount - budget.fairShare))
    }
}
