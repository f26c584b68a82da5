import Threads

extension SimulatedDisk {
    /// What a power loss at this moment may do.
    package func crashPlan() -> CrashPlan {
        state.withLock { CrashPlan($0) }
    }

    /// The disk as a machine finds it that lost its power at this moment: all of it durable,
    /// nothing cached, no lock held.
    package func crashState(_ plan: CrashPlan, keeping choice: CrashPlan.Choice) -> SimulatedDisk {
        precondition(choice.count == plan.answerCounts.count, "a choice of another plan")
        let before = state.withLock { $0 }
        var names = before.names
        for (index, change) in before.names.pending.enumerated() where choice[index] > 0 {
            names.keep(change)
        }
        names.pending = []
        names.current = names.durable

        var after = State()
        let reachable = names.durableFiles()
        for inode in reachable {
            guard let content = before.inodes[inode] else { continue }
            after.inodes[inode] = SimulatedInode(durable: content.durable, cached: content.durable)
        }
        var next = plan.nameChangeCount
        for file in plan.files {
            let answers = choice[next...next + file.sectors.count]
            next += 1 + file.sectors.count
            guard reachable.contains(file.inode), let content = before.inodes[file.inode] else {
                continue
            }
            let image = Self.image(of: content, file, answers)
            after.inodes[file.inode] = SimulatedInode(durable: image, cached: image)
        }
        after.names = names
        after.nextInode = before.nextInode
        after.capacity = before.capacity
        return SimulatedDisk(after)
    }

    /// A state by seed.
    package func crashState(using generator: inout SeededGenerator) -> SimulatedDisk {
        let plan = crashPlan()
        return crashState(plan, keeping: plan.choice(using: &generator))
    }

    /// A file that kept the length and, of each dirty sector, the version that `answers` name.
    private static func image(
        of content: SimulatedInode,
        _ file: CrashPlan.File,
        _ answers: ArraySlice<Int>
    ) -> FileImage {
        let length = file.lengths[answers[answers.startIndex]]
        var image = content.durable
        image.resize(to: shortest(content, since: -1, to: length.change, image.byteCount))
        for (index, (sector, changes)) in file.sectors.enumerated() {
            let version = answers[answers.startIndex + 1 + index]
            guard version > 0 else { continue }
            let changeIndex = changes[version - 1]
            let change = content.pending[changeIndex]
            let start = sector * SimulatedInode.sectorByteCount
            let from = (sector - change.firstSector) * SimulatedInode.sectorByteCount
            // A cut that is kept takes with it what was written before it.
            let cut = shortest(content, since: changeIndex, to: length.change, .max)
            let count = min(SimulatedInode.sectorByteCount, cut - start)
            guard count > 0 else { continue }
            change.sectors.withUnsafeBytes {
                image.write(UnsafeRawBufferPointer(rebasing: $0[from..<from + count]), at: start)
            }
        }
        image.resize(to: length.byteCount)
        return image
    }

    /// The least length that the file had after the changes of a range, at most `bound`.
    private static func shortest(
        _ content: SimulatedInode,
        since first: Int,
        to last: Int,
        _ bound: Int
    ) -> Int {
        guard last > first else { return bound }
        return content.pending[first + 1...last].reduce(bound) { min($0, $1.byteCount) }
    }
}
