import Glibc
import KafkaClient
import Terminal

/// A file of Kafka's client properties, as `--command-config` of Kafka's tools: a setting a line,
/// `name=value`; lines that begin with `#` or `!` say nothing.
struct ClusterAccess: Sendable {
    let path: String
    let security: ClientSecurity

    private static let byteLimit = 64 << 10

    init(_ path: String) throws(UsageError) {
        self.path = path
        guard let text = Self.read(path) else {
            throw UsageError(
                "--command-config \(path) cannot be read: \(String(cString: strerror(errno)))"
            )
        }
        do throws(ClientSecurity.Refusal) {
            security = try ClientSecurity(properties: Self.properties(text))
        } catch {
            throw UsageError("--command-config \(path): \(error.words)")
        }
    }

    private static func read(_ path: String) -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: byteLimit)
        while bytes.count < byteLimit {
            let count = Glibc.read(descriptor, &piece, piece.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { return nil }
            if count == 0 { break }
            bytes += piece.prefix(count)
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// A line that ends with a backslash goes on in the next one; of two of a name the last counts.
    static func properties(_ text: String) -> [String: String] {
        var properties: [String: String] = [:]
        var begun = ""
        for line in text.split(whereSeparator: \.isNewline) {
            let trimmed = line.drop(while: \.isWhitespace)
            if begun.isEmpty, trimmed.isEmpty || trimmed.first == "#" || trimmed.first == "!" {
                continue
            }
            begun += trimmed
            guard begun.last != "\\" else {
                begun.removeLast()
                continue
            }
            let parts = begun.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            begun = ""
            let name = parts[0].split(whereSeparator: \.isWhitespace).joined()
            let value = parts.count > 1 ? parts[1].drop(while: \.isWhitespace) : ""
            properties[name] = String(value)
        }
        return properties
    }
}
