import Foundation
import Telemetry
import Testing
import Threads

@Suite struct TelemetryTests {
    private final class Lines: Sendable {
        let all = Lock<[String]>([])
    }

    private func lines(
        _ format: Logger.Format,
        level: Logger.Level = .info,
        _ body: (Logger) -> Void
    ) -> [String] {
        let lines = Lines()
        body(
            Logger(
                level: level,
                format: format,
                wallMilliseconds: { 1_357_017_420_250 },
                write: { line in lines.all.withLock { $0.append(line) } }
            )
        )
        return lines.all.withLock { $0 }
    }

    @Test func `a line that an output has no room for yet is written whole`() throws {
        let pipe = Pipe()
        let writer = pipe.fileHandleForWriting.fileDescriptor
        #expect(fcntl(writer, F_SETFL, fcntl(writer, F_GETFL) | O_NONBLOCK) == 0)
        let line = [UInt8](repeating: 120, count: 1 << 18)
        let handle = pipe.fileHandleForWriting
        let thread = OwnedThread {
            line.withUnsafeBufferPointer { Logger.writeAll($0, to: handle.fileDescriptor) }
            do { try handle.close() } catch { Issue.record(error) }
        }
        // Once it is full, the writer waits.
        var output = pollfd(fd: writer, events: Int16(POLLOUT), revents: 0)
        while poll(&output, 1, 0) > 0 { sched_yield() }
        var count = 0
        while count < line.count {
            let piece = try pipe.fileHandleForReading.read(upToCount: 10_000)
            try #require(piece?.isEmpty == false)
            count += piece?.count ?? 0
        }
        thread.join()
        #expect(count == line.count)
    }

    @Test func `a text line has time, level, message and pairs`() {
        let found = lines(.text) {
            $0.log(.info, "partition recovered", ["topic": "lines", "reason": "two words"])
        }
        #expect(
            found == [
                "2013-01-01T05:17:00.250Z info    partition recovered topic=lines "
                    + "reason=\"two words\"\n"
            ]
        )
    }

    @Test(arguments: [
        "a\nb", "a\u{1B}[2J", "a\"b", "a=b", "a\u{2028}b", "a\u{202E}b", "a\u{9B}b", "", "a\\b",
    ])
    func `a value cannot end its line or be taken for more than one`(value: String) {
        let found = lines(.text) { $0.log(.info, "denied", ["name": value, "untold": "0"]) }
        let text = found.joined()
        #expect(text.hasPrefix("2013-01-01T05:17:00.250Z info    denied name=\""))
        #expect(text.hasSuffix("\" untold=0\n"))
        #expect(text.unicodeScalars.filter { $0.value < 0x20 }.count == 1)
        #expect(!text.unicodeScalars.contains { [0x9B, 0x2028, 0x202E].contains($0.value) })
    }

    @Test func `a json line is one object`() {
        let found = lines(.json) { $0.log(.error, "it broke", ["why": "a \"quote\"\n"]) }
        #expect(
            found == [
                "{\"time\":\"2013-01-01T05:17:00.250Z\",\"level\":\"error\","
                    + "\"message\":\"it broke\",\"why\":\"a \\\"quote\\\"\\n\"}\n"
            ]
        )
    }

    @Test func `lines below the level are not written`() {
        #expect(lines(.text, level: .warning) { $0.log(.info, "quiet") }.isEmpty)
    }

    @Test(arguments: [
        ("1970-01-01", 0), ("2013-01-01T05:17:00Z", 1_357_017_420_000),
        ("2013-01-01T05:17:00.250Z", 1_357_017_420_250), ("2024-02-29", 1_709_164_800_000),
        ("1900-03-01", -2_203_891_200_000),
    ])
    func `a calendar time is read`(text: String, expected: Int64) {
        #expect(CalendarTime.milliseconds(from: text) == expected)
        let back = CalendarTime(millisecondsSince1970: expected).text
        #expect(back.hasPrefix(text.prefix(10)))
        #expect(CalendarTime.milliseconds(from: back) == expected)
    }

    @Test(arguments: [
        ("2013-01-01T05:17Z", 1_357_017_420_000), ("2013-01-01T05:17:00+00:00", 1_357_017_420_000),
        ("2013-01-01T10:47:00.250+05:30", 1_357_017_420_250),
        ("2012-12-31T21:17-08:00", 1_357_017_420_000),
    ])
    func `a calendar time is read with its zone, and without seconds`(
        text: String,
        expected: Int64
    ) {
        #expect(CalendarTime.milliseconds(from: text) == expected)
    }

    @Test(arguments: [
        "2013-01-01T05:17+0530", "2013-01-01T05:17+05:60", "2013-01-01T05:17+5:30",
        "2013-01-01T05:17:00Z+05:30", "2013-01-01T05:17.5Z", "2013-01-01T05Z", "2013-01-01+05:30",
        "2013-02-29", "2013-13-01", "13-01-01", "2013-01-01T05:17", "2013-01-01T25:00:00Z",
        "2013-01-01T05:17:00", "now", "", "2013-01-01T05:17:00.Z",
    ])
    func `what is no calendar time is refused`(text: String) {
        #expect(CalendarTime.milliseconds(from: text) == nil)
    }
}
