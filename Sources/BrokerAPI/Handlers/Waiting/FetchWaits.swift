/// Fetches that wait for enough bytes, each in as many partitions as it asks for: a value, that is
/// told which of them have moved. A fetch is due when there is enough for it by the partitions'
/// sizes, when only reading tells, or when its time is over; nothing is read until then. One
/// without partitions waits for its time alone.
struct FetchWaits<Partition: Hashable & Sendable, Waiter: Sendable>: Sendable {
    /// What became due.
    struct Due: Sendable {
        var waiter: Waiter
        /// What it is about to read, as far as that is known.
        var byteCount: Int
        /// Its time is over.
        var isLast: Bool
    }

    private struct Fetch: Sendable {
        var waiter: Waiter
        var leastByteCount: Int
        var parts: [(partition: Partition, part: FetchedPart, count: Int)]
        var byteCount: Int
    }

    private var fetches: [UInt64: Fetch] = [:]
    /// Where in the fetches' parts each partition is.
    private var places: [Partition: [UInt64: [Int]]] = [:]
    private var deadlines = DeadlineHeap()
    private var nextNumber: UInt64 = 0

    var count: Int { fetches.count }
    /// With those of fetches that are over.
    var deadlineCount: Int { deadlines.count }
    var nearestDeadline: UInt64? { deadlines.nearest }

    func isWatched(_ partition: Partition) -> Bool { places[partition] != nil }

    /// Takes a fetch in, and gives it a number.
    @discardableResult
    mutating func add(
        _ waiter: Waiter,
        leastByteCount: Int,
        until deadline: UInt64,
        _ parts: [(partition: Partition, part: FetchedPart)]
    ) -> UInt64 {
        let number = nextNumber
        nextNumber += 1
        let counted = parts.map { (partition: $0, part: $1, count: min($1.found, $1.wanted)) }
        fetches[number] = Fetch(
            waiter: waiter,
            leastByteCount: leastByteCount,
            parts: counted,
            byteCount: counted.reduce(0) { $0 + $1.count }
        )
        for (place, part) in parts.enumerated() {
            places[part.partition, default: [:]][number, default: []].append(place)
        }
        deadlines.add(number, at: deadline)
        return number
    }

    /// Takes note of all parts of one fetch as they are now; the fetch if it is due for them.
    mutating func note(_ looks: [FetchedPart.Look?], of number: UInt64) -> Due? {
        for (place, look) in looks.enumerated() where note(look, at: place, of: number) {
            return take(number)
        }
        return nil
    }

    /// Takes note of a partition as it is now; the fetches that are due for it.
    mutating func note(_ look: FetchedPart.Look?, of partition: Partition) -> [Due] {
        var due: [UInt64] = []
        for (number, places) in places[partition] ?? [:] {
            let isDue = places.contains { note(look, at: $0, of: number) }
            if isDue { due.append(number) }
        }
        return due.sorted().compactMap { take($0) }
    }

    /// Whether the fetch is due for its part at `place`.
    private mutating func note(
        _ look: FetchedPart.Look?,
        at place: Int,
        of number: UInt64
    ) -> Bool {
        guard let known = fetches[number]?.parts[place] else { return false }
        guard let count = known.part.count(look) else { return true }
        fetches[number]?.parts[place].count = count
        fetches[number]?.byteCount += count - known.count
        return fetches[number].map { $0.byteCount >= $0.leastByteCount } ?? false
    }

    /// The fetches whose time is over.
    mutating func expire(now: UInt64) -> [Due] {
        var due: [Due] = []
        while let number = deadlines.take(now: now) {
            if let fetch = take(number, isLast: true) { due.append(fetch) }
        }
        return due
    }

    /// All of them: nobody is to wait any more.
    mutating func takeAll() -> [Due] {
        fetches.keys.sorted().compactMap { take($0, isLast: true) }
    }

    /// Forgets those that `isGone` accepts, and returns them.
    @discardableResult
    mutating func drop(where isGone: (Waiter) -> Bool) -> [Waiter] {
        let gone = fetches.filter { isGone($0.value.waiter) }
        return gone.keys.sorted().compactMap { take($0)?.waiter }
    }

    private mutating func take(_ number: UInt64, isLast: Bool = false) -> Due? {
        guard let fetch = fetches.removeValue(forKey: number) else { return nil }
        for (partition, _, _) in fetch.parts {
            places[partition]?[number] = nil
            if places[partition]?.isEmpty == true { places[partition] = nil }
        }
        // Deadlines of those that went before are passed over when they come, if they are few.
        if deadlines.count > 2 * fetches.count + 64 {
            let fetches = fetches
            deadlines.keep { fetches[$0] != nil }
        }
        return Due(waiter: fetch.waiter, byteCount: fetch.byteCount, isLast: isLast)
    }

    /// Stops with a message if the state contradicts itself.
    func checkInvariants() {
        for (number, fetch) in fetches {
            let sum = fetch.parts.reduce(0) { $0 + $1.count }
            precondition(sum == fetch.byteCount, "bytes counted wrong")
            for (partition, _, _) in fetch.parts {
                precondition(places[partition]?[number] != nil, "a partition nobody looks at")
            }
        }
        let numbers = Set(places.values.flatMap(\.keys))
        precondition(numbers.allSatisfy { fetches[$0] != nil }, "a place of no fetch")
        precondition(deadlines.count >= fetches.count, "a fetch without a deadline")
    }
}
