import Foundation
import Glibc
import LogModel
import MillraceTestKit
import RocksStore
import StateStores
import Testing
import Threads

/// Processes that die by SIGKILL while they write checkpoints.
///
/// A kill leaves the page cache, so this says nothing about a loss of power; it does say that no
/// moment between two system calls leaves a store that cannot be opened or is not whole.
@Suite("RocksDB stores after SIGKILL", .serialized)
struct RocksStoreKillTests {
    @Test func `each kill leaves one whole checkpoint, at least the last that had returned`()
        async throws
    {
        let place = try StorePlace()
        let acknowledged = place.folder.appending(path: "acknowledged")
        var generator = SeededGenerator(seed: 20_260_104)
        var last = 0
        for number in 0..<12 {
            let process = WritingProcess(
                folder: place.folder.path,
                // Every third process dies while it opens the store or soon after that.
                roundsBeforeKill: number % 3 == 0 ? 0 : 1 + generator.below(8),
                microseconds: UInt32(generator.below(20_000))
            )
            await #expect(processExitsWith: .signal(SIGKILL)) {
                [process = process as WritingProcess] in
                try process.run()
            }
            // A process that died before its first checkpoint has acknowledged nothing new.
            let text = try String(contentsOf: acknowledged, encoding: .utf8)
            last = max(last, Int(text.trimmingCharacters(in: .whitespaces)) ?? 0)
            let engine = try place.open()
            let offset = Int(engine.checkpointedOffset?.rawValue ?? 0)
            #expect(offset == last || offset == last + 1, "offset \(offset), returned \(last)")
            #expect(try CheckpointHistory.finding(in: engine) == nil)
            #expect(try place.files().filter { $0.hasSuffix(".unfinished") } == [])
            engine.close()
            last = offset
        }
        #expect(place.discards.isEmpty)
        #expect(last >= 8)
    }
}

/// A process that writes checkpoints until it is killed.
private struct WritingProcess: Codable, Sendable {
    let folder: String
    /// The checkpoints that return before the kill is on its way; 0: not even the opening.
    let roundsBeforeKill: Int
    /// How long it is on its way.
    let microseconds: UInt32

    func run() throws {
        let acknowledged = open("\(folder)/acknowledged", O_CREAT | O_WRONLY | O_CLOEXEC, 0o600)
        guard acknowledged >= 0 else { exit(2) }
        var killer = roundsBeforeKill == 0 ? startKill() : nil
        defer { killer?.join() }
        // Were a store discarded here, its owner would find too small an offset.
        let engine = try RocksStoreFactory(directory: folder).open(path: StorePlace.name)
        let start = Int(engine.checkpointedOffset?.rawValue ?? 0)
        var round = start
        while true {
            round += 1
            try CheckpointHistory.write(round, to: engine)
            // One write of one length: it has happened or not.
            let line = String(round).padding(toLength: 12, withPad: " ", startingAt: 0)
            guard pwrite(acknowledged, line, 12, 0) == 12 else { exit(3) }
            if round - start == roundsBeforeKill { killer = startKill() }
        }
    }

    private func startKill() -> OwnedThread {
        OwnedThread {
            usleep(microseconds)
            kill(getpid(), SIGKILL)
        }
    }
}
