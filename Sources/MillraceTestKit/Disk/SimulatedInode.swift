/// A file below its names: what the medium holds for sure, what the page cache shows, and the
/// changes between the two that a power loss may keep or lose, sector by sector.
///
///     durable image ──(pending changes, oldest first)──▶ cached image
///
/// A failed sync empties `pending` without changing `durable`: the pages count as clean, the
/// cache goes on showing them, the medium never gets them unless they are written again.
struct SimulatedInode: Sendable {
    static let sectorByteCount = 512

    /// One change that is not durable.
    struct Change: Sendable {
        /// Its place among all changes of the disk.
        var sequence: Int
        /// Whole sectors as the cache had them after the change; empty if it touched none.
        var firstSector: Int
        var sectors: [UInt8]
        /// The length of the file after the change.
        var byteCount: Int

        var sectorRange: Range<Int> {
            firstSector..<firstSector + sectors.count / SimulatedInode.sectorByteCount
        }
    }

    var durable = FileImage()
    var cached = FileImage()
    var pending: [Change] = []

    mutating func write(_ bytes: UnsafeRawBufferPointer, at position: Int, sequence: Int) {
        cached.write(bytes, at: position)
        notePending(position..<position + bytes.count, sequence: sequence)
    }

    mutating func truncate(to byteCount: Int, sequence: Int) {
        let old = cached.byteCount
        guard byteCount != old else { return }
        cached.resize(to: byteCount)
        // Of a cut, only the sector that the new end lies in changes its bytes.
        let isInsideSector = byteCount % Self.sectorByteCount > 0 && byteCount < old
        notePending(byteCount..<byteCount + (isInsideSector ? 1 : 0), sequence: sequence)
    }

    private mutating func notePending(_ range: Range<Int>, sequence: Int) {
        let sector = Self.sectorByteCount
        let first = range.lowerBound / sector
        let end = range.isEmpty ? first : (range.upperBound + sector - 1) / sector
        pending.append(
            Change(
                sequence: sequence,
                firstSector: first,
                sectors: cached.bytes(in: first * sector..<end * sector),
                byteCount: cached.byteCount
            )
        )
    }

    /// Brings the pending changes to the medium. Not `durable = cached`: pages that an earlier
    /// failed sync lost stay lost.
    mutating func sync() {
        for change in pending {
            durable.overlay(change)
            durable.resize(to: change.byteCount)
        }
        pending = []
    }

    mutating func loseUnsynced() {
        pending = []
    }
}

extension FileImage {
    /// Puts the sectors of a change into place.
    mutating func overlay(_ change: SimulatedInode.Change) {
        change.sectors.withUnsafeBytes {
            guard !$0.isEmpty else { return }
            write($0, at: change.firstSector * SimulatedInode.sectorByteCount)
        }
    }
}
