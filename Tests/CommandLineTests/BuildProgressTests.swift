import Foundation
import Testing

@testable import RunCommands

/// What is told of a build that takes long.
@Suite struct BuildProgressTests {
    private let start = ContinuousClock.now

    private func progress() -> BuildProgress {
        BuildProgress(of: "the job is being built", from: start)
    }

    private func time(_ seconds: Double) -> ContinuousClock.Instant { start + .seconds(seconds) }

    @Test func `nothing is told of a quick build`() {
        var progress = progress()
        progress.note(Data("[1/9] Compiling A\n[9/9] Linking B\n".utf8))
        #expect(progress.line(at: time(9.9)) == nil)
        #expect(progress.deadline == time(10))
    }

    @Test func `a slow one has a line each ten seconds, with the last step`() {
        var progress = progress()
        #expect(progress.line(at: time(10)) == "note: the job is being built, 10 s so far\n")
        progress.note(Data("Building for production...\n[0/4] Write sources\n[12/3".utf8))
        #expect(progress.line(at: time(19)) == nil)
        progress.note(Data("\n[13/345] Compiling M a.swift\n".utf8))
        #expect(
            progress.line(at: time(21))
                == "note: the job is being built, 21 s so far (step 13 of 345)\n"
        )
        var lines = 0
        for second in 22...81 where progress.line(at: time(Double(second))) != nil { lines += 1 }
        #expect(lines == 6)
    }

    @Test func `one that waits for another is no build yet`() {
        var progress = progress()
        progress.note(Data("Another instance of SwiftPM (PID: 42) is already running\n".utf8))
        #expect(
            progress.line(at: time(12))
                == "note: the job is being built: it still waits, 12 s so far\n"
        )
        progress.note(Data("[1/2] Compiling\n".utf8))
        #expect(progress.line(at: time(30))?.contains("(step 1 of 2)") == true)
    }
}
