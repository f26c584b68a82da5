import Foundation
import Testing

/// A terminal that a test sits at, with a command as its only process.
final class PseudoTerminal {
    /// What the test types once it reads a prompt.
    struct Answer {
        let prompt: String
        let keys: String
    }

    private let keyboard: Int32
    private let screen: Int32

    init() throws {
        var ends: (keyboard: Int32, screen: Int32) = (-1, -1)
        try #require(openpty(&ends.keyboard, &ends.screen, nil, nil, nil) == 0)
        (keyboard, screen) = ends
        for end in [keyboard, screen] { try #require(fcntl(end, F_SETFD, FD_CLOEXEC) == 0) }
    }

    deinit {
        close(keyboard)
        close(screen)
    }

    /// Whether what is typed is shown.
    var echoes: Bool {
        var settings = termios()
        return tcgetattr(screen, &settings) == 0 && settings.c_lflag & tcflag_t(ECHO) != 0
    }

    /// Runs `millrace` with these words, answers what it asks, and tells all that it showed; each
    /// prompt has to come.
    func run(_ words: [String], _ answers: [Answer]) throws -> (status: Int32, shown: String) {
        let process = Process()
        // The terminal becomes that of the process: keys are signals to it.
        process.executableURL = URL(filePath: "/usr/bin/setsid")
        process.arguments = ["--ctty", "--wait", Millrace.executable.path] + words
        let terminal = FileHandle(fileDescriptor: screen)
        process.standardInput = terminal
        process.standardOutput = terminal
        process.standardError = terminal
        try process.run()
        var shown = ""
        for answer in answers {
            var isThere = false
            while !isThere, read(&shown, atMost: 30_000) {
                isThere = shown.hasSuffix(answer.prompt)
            }
            #expect(isThere, "\(answer.prompt) is not in \(shown)")
            let keys = Array(answer.keys.utf8)
            #expect(write(keyboard, keys, keys.count) == keys.count)
        }
        process.waitUntilExit()
        while read(&shown, atMost: 0) {}
        return (process.terminationStatus, shown)
    }

    /// Takes what is shown; false where nothing comes for so many milliseconds.
    private func read(_ shown: inout String, atMost milliseconds: Int32) -> Bool {
        var watched = pollfd(fd: keyboard, events: Int16(POLLIN), revents: 0)
        guard poll(&watched, 1, milliseconds) == 1 else { return false }
        var piece = [UInt8](repeating: 0, count: 4096)
        let count = Foundation.read(keyboard, &piece, piece.count)
        guard count > 0 else { return false }
        shown += String(decoding: piece.prefix(count), as: UTF8.self)
        return true
    }
}
