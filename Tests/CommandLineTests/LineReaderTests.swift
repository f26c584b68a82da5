import Foundation
import Terminal
import Testing

@testable import ClientCommands

/// Lines as `produce` reads them.
@Suite struct LineReaderTests {
    private func room(_ limit: Int) -> RecordRoom {
        RecordRoom(topicByteCount: limit, isCompressed: false, raising: "raise it")
    }

    private func lines(of text: String, limit: Int) throws -> (lines: [String], failure: String?) {
        let pipe = Pipe()
        try pipe.fileHandleForWriting.write(contentsOf: Data(text.utf8))
        try pipe.fileHandleForWriting.close()
        var reader = LineReader(
            descriptor: pipe.fileHandleForReading.fileDescriptor,
            name: "standard input",
            byteCount: 4,
            lineByteLimit: limit,
            room: room(limit)
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

    @Test func `an input that has nothing yet is no failure`() throws {
        let pipe = Pipe()
        let descriptor = pipe.fileHandleForReading.fileDescriptor
        #expect(fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK) == 0)
        var reader = LineReader(descriptor: descriptor, name: "standard input", room: room(10))
        try reader.fill()
        let isAtEnd = reader.isAtEnd
        #expect(!isAtEnd)
        try pipe.fileHandleForWriting.write(contentsOf: Data("a\n".utf8))
        try reader.fill()
        let line = try reader.next()
        #expect(line?.elementsEqual("a".utf8) == true)
    }
}
