#if canImport(Darwin)
import Darwin
#else
import Glibc
#endif

/// Log lines to standard error: a lowercase static message and metadata by key.
///
///     text:  2013-01-01T05:17:00.250Z info  partition recovered topic=lines partition=2
///     json:  {"time":"2013-01-01T05:17:00.250Z","level":"info","message":"partition recovered",…}
package struct Logger: Sendable {
    package enum Level: Int, Comparable, Sendable {
        case debug
        case info
        case warning
        case error

        package static func < (left: Level, right: Level) -> Bool { left.rawValue < right.rawValue }
    }

    package enum Format: String, CaseIterable, Sendable {
        case text
        case json
    }

    package let level: Level
    package let format: Format
    private let wallMilliseconds: @Sendable () -> Int64
    private let write: @Sendable (String) -> Void

    /// A logger of the lines at `level` and above. `wallMilliseconds` is the time since 1970.
    package init(
        level: Level,
        format: Format,
        wallMilliseconds: @escaping @Sendable () -> Int64,
        write: @escaping @Sendable (String) -> Void = Logger.standardError
    ) {
        self.level = level
        self.format = format
        self.wallMilliseconds = wallMilliseconds
        self.write = write
    }

    /// Writes one line, if its level is asked for.
    package func log(
        _ level: Level,
        _ message: StaticString,
        _ metadata: KeyValuePairs<String, String> = [:]
    ) {
        guard level >= self.level else { return }
        let time = CalendarTime(millisecondsSince1970: wallMilliseconds()).text
        switch format {
        case .text:
            let padding = String(repeating: " ", count: 7 - "\(level)".count)
            let pairs = metadata.map { " \($0)=\(isPlain($1) ? $1 : jsonString($1))" }
            write("\(time) \(level)\(padding) \(message)\(pairs.joined())\n")
        case .json:
            let pairs = metadata.map { ",\(jsonString($0)):\(jsonString($1))" }
            let head = "{\"time\":\"\(time)\",\"level\":\"\(level)\""
            write("\(head),\"message\":\(jsonString("\(message)"))\(pairs.joined())}\n")
        }
    }

    /// Where log lines go: one `write` each, so that lines of several threads stay whole. An output
    /// that does not wait by itself (O_NONBLOCK) is waited for, as every other one.
    package static let standardError: @Sendable (String) -> Void = { line in
        var line = line
        line.withUTF8 { Logger.writeAll($0, to: 2) }
    }

    /// Writes bytes where something may be lost, and nobody could be told.
    package static func writeAll(_ bytes: UnsafeBufferPointer<UInt8>, to descriptor: Int32) {
        var rest = UnsafeRawBufferPointer(bytes)
        while !rest.isEmpty {
            let count = writeBytes(descriptor, rest.baseAddress, rest.count)
            if count >= 0 {
                rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(count))
            } else if errno == EAGAIN {
                var output = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                _ = poll(&output, 1, -1)
            } else if errno != EINTR {
                return
            }
        }
    }
}

private func writeBytes(_ descriptor: Int32, _ bytes: UnsafeRawPointer?, _ count: Int) -> Int {
    write(descriptor, bytes, count)
}

/// Whether a value can be read as one behind its key: no end of it, and nothing that a terminal or
/// an eye takes for something else.
private func isPlain(_ text: String) -> Bool {
    !text.isEmpty && !text.utf8.contains { " \"=\\".utf8.contains($0) }
        && !text.unicodeScalars.contains(where: isUnseen)
}

/// Characters that move a cursor, end a line or turn the direction of writing.
private func isUnseen(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .unassigned: true
    default: false
    }
}

/// `text` as a JSON string, quotes included. What nobody would see in it is escaped.
package func jsonString(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
        switch scalar {
        case "\"": result += "\\\""
        case "\\": result += "\\\\"
        case "\n": result += "\\n"
        case "\t": result += "\\t"
        case "\r": result += "\\r"
        case _ where isUnseen(scalar):
            for unit in String(scalar).utf16 {
                let digits = String(unit, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            }
        default: result.unicodeScalars.append(scalar)
        }
    }
    return result + "\""
}
