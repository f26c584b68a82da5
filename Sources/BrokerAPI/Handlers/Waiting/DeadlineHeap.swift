/// Numbers by when they are due, the nearest first.
struct DeadlineHeap: Sendable {
    private struct Entry: Sendable {
        var deadline: UInt64
        var number: UInt64
    }

    /// Each entry is at or before the two at 2i + 1 and 2i + 2.
    private var entries: [Entry] = []

    var count: Int { entries.count }
    var nearest: UInt64? { entries.first?.deadline }

    mutating func add(_ number: UInt64, at deadline: UInt64) {
        entries.append(Entry(deadline: deadline, number: number))
        rise(from: entries.count - 1)
    }

    /// The next number that is due at `now`, which is in it no more.
    mutating func take(now: UInt64) -> UInt64? {
        guard let first = entries.first, first.deadline <= now else { return nil }
        let last = entries.removeLast()
        if !entries.isEmpty {
            entries[0] = last
            sink()
        }
        return first.number
    }

    /// Keeps those that `isKept` accepts.
    mutating func keep(where isKept: (UInt64) -> Bool) {
        let kept = entries.filter { isKept($0.number) }
        entries = []
        for entry in kept { add(entry.number, at: entry.deadline) }
    }

    private mutating func rise(from start: Int) {
        var index = start
        while index > 0 {
            let parent = (index - 1) / 2
            guard entries[index].deadline < entries[parent].deadline else { return }
            entries.swapAt(index, parent)
            index = parent
        }
    }

    private mutating func sink() {
        var index = 0
        while true {
            var least = index
            for child in [2 * index + 1, 2 * index + 2] where child < entries.count {
                if entries[child].deadline < entries[least].deadline { least = child }
            }
            guard least != index else { return }
            entries.swapAt(index, least)
            index = least
        }
    }
}
