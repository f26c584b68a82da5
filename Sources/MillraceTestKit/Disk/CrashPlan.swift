/// What a power loss may do at one moment: a list of independent questions, each with a number of
/// answers. 0 is always "nothing of it was kept", the last answer "all of it".
///
/// Questions, in order: for each pending change of names, whether it was kept; for each file with
/// pending changes, how long it is, and for each of its dirty sectors which version it has.
package struct CrashPlan: Sendable {
    /// The answers of a state, one for each question.
    package typealias Choice = [Int]

    struct Length: Sendable {
        var byteCount: Int
        /// The last change whose cuts count: -1 for none.
        var change: Int
    }

    struct File: Sendable {
        var inode: SimulatedNames.Inode
        var lengths: [Length]
        /// Dirty sectors in order, each with the changes that wrote it, oldest first.
        var sectors: [(sector: Int, changes: [Int])]
    }

    let nameChangeCount: Int
    let files: [File]
    /// How many answers each question has.
    package let answerCounts: [Int]
    /// For each question, the sequence numbers of the changes that its answers 1... keep.
    let sequences: [[Int]]

    init(_ state: SimulatedDisk.State) {
        nameChangeCount = state.names.pending.count
        var counts = state.names.pending.map { _ in 2 }
        var sequences = state.names.pending.map { [$0.sequence] }
        var files: [File] = []
        for (inode, content) in state.inodes.sorted(by: { $0.key < $1.key })
        where !content.pending.isEmpty {
            let file = File(
                inode: inode,
                lengths: Self.lengths(content),
                sectors: Self.sectors(content)
            )
            counts.append(file.lengths.count)
            sequences.append(file.lengths.dropFirst().map { content.pending[$0.change].sequence })
            for sector in file.sectors {
                counts.append(sector.changes.count + 1)
                sequences.append(sector.changes.map { content.pending[$0].sequence })
            }
            files.append(file)
        }
        self.files = files
        answerCounts = counts
        self.sequences = sequences
    }

    private static func lengths(_ content: SimulatedInode) -> [Length] {
        var lengths = [Length(byteCount: content.durable.byteCount, change: -1)]
        for (index, change) in content.pending.enumerated() {
            var last = lengths[lengths.count - 1].byteCount
            guard change.byteCount != last else { continue }
            // A long write may grow the file in steps.
            while change.byteCount - last > SimulatedInode.sectorByteCount {
                last = (last / SimulatedInode.sectorByteCount + 1) * SimulatedInode.sectorByteCount
                lengths.append(Length(byteCount: last, change: index))
            }
            lengths.append(Length(byteCount: change.byteCount, change: index))
        }
        return lengths
    }

    private static func sectors(
        _ content: SimulatedInode
    ) -> [(sector: Int, changes: [Int])] {
        var changes: [Int: [Int]] = [:]
        for (index, change) in content.pending.enumerated() {
            for sector in change.sectorRange { changes[sector, default: []].append(index) }
        }
        return changes.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    // MARK: - Choices

    /// How many states there are, or nil if more than `limit`.
    package func stateCount(upTo limit: Int) -> Int? {
        var product = 1
        for count in answerCounts {
            product *= count
            guard product <= limit else { return nil }
        }
        return product
    }

    /// The state of a number below `stateCount`.
    package func choice(number: Int) -> Choice {
        var rest = number
        return answerCounts.map { count in
            defer { rest /= count }
            return rest % count
        }
    }

    /// Everything lost.
    package var nothingKept: Choice { answerCounts.map { _ in 0 } }

    /// Everything kept.
    package var everythingKept: Choice { answerCounts.map { $0 - 1 } }

    /// Some state. Plain chance alone would hardly ever give the telling ones, so it is one of
    /// several manners: a prefix in time, one thing lost, one thing kept, few lost, few kept.
    package func choice(using generator: inout SeededGenerator) -> Choice {
        guard !answerCounts.isEmpty else { return [] }
        switch generator.below(6) {
        case 0:
            return prefix(using: &generator)
        case 1:
            var choice = everythingKept
            let lost = generator.below(choice.count)
            choice[lost] = generator.below(answerCounts[lost])
            return choice
        case 2:
            var choice = nothingKept
            let kept = generator.below(choice.count)
            choice[kept] = generator.below(answerCounts[kept])
            return choice
        case 3:
            return answerCounts.map { generator.oneIn(6) ? generator.below($0) : $0 - 1 }
        case 4:
            return answerCounts.map { generator.oneIn(6) ? generator.below($0) : 0 }
        default:
            return answerCounts.map { generator.below($0) }
        }
    }

    /// What was changed up to some moment is kept, and nothing of what came after.
    private func prefix(using generator: inout SeededGenerator) -> Choice {
        let all = Set(sequences.joined()).sorted()
        guard !all.isEmpty else { return nothingKept }
        let last = all[generator.below(all.count)]
        return sequences.map { kept in kept.count { $0 <= last } }
    }
}
