import Foundation
import Terminal
import Testing

@testable import MillraceCommand

/// Lines as `produce` reads them.
@Suite struct LineReaderTests {
    private func lines(of text: String, limit: Int) throws -> (lines: [String], failure: String?) {
        let pipe = Pipe()
        try pipe.fileHandleForWriting.write(contentsOf: Data(text.utf8))
        try pipe.fileHandleForWriting.close()
        var reader = LineReader(
            descriptor: pipe.fileHandleForReading.fileDescriptor,
            name: "standard input",
            byteCount: 4,
            lineByteLimit: limit
        )
        var lines: [String] = []
        do throws(CommandFailure) {
            while true {
                while let line = try reader.next() {
                    lines.append(String(decoding: line, as: UTF8.self))
                }
                if reader.isAtEnd { break }
                try reader.fill()
            }
        } catch { return (lines, error.text) }
        return (lines, nil)
    }

    @Test(arguments: ["\n", "\nmore\n", ""])
    func `a line that is too long is named, after those before it`(rest: String) throws {
        let all = try lines(of: "a\n1234567890\(rest)", limit: 10)
        #expect(all.lines.prefix(2) == ["a", "1234567890"] && all.failure == nil)
        let some = try lines(of: "a\n12345678901\(rest)", limit: 10)
        #expect(some.lines == ["a"])
        #expect(some.failure?.contains("line 2 is too long for a record") == true)
        #expect(some.failure?.contains("more than the 10 bytes") == true)
    }
}
