import Foundation
import Testing
import Threads

@testable import RunCommands

/// Who builds in the folder that the jobs share.
@Suite struct BuildLockTests {
    @Test func `a folder that is not there is made, and who has it is told to who waits`()
        async throws
    {
        let folder = try TemporaryFolder()
        let path = folder.path("build/jobs")
        var told: [String] = []
        var first: BuildLock? = try BuildLock.take(in: path) { told.append($0) }
        #expect(told.isEmpty && first != nil)
        let (holders, continuation) = AsyncStream.makeStream(of: String.self)
        let waiting = OwnedThread {
            let second = try? BuildLock.take(in: path) { continuation.yield($0) }
            continuation.yield(second == nil ? "nothing" : "the lock")
            continuation.finish()
        }
        var seen: [String] = []
        for await word in holders {
            seen.append(word)
            first = nil
        }
        waiting.join()
        #expect(seen == ["process \(getpid())", "the lock"])
    }

    @Test func `a folder that cannot be made is told`() throws {
        let folder = try TemporaryFolder()
        let path = try folder.write("file", "").path
        #expect { try BuildLock.take(in: "\(path)/jobs") { _ in } } throws: { error in
            "\(error)".contains("Not a directory") && "\(error)".contains("MILLRACE_BUILD=DIR")
        }
    }
}
