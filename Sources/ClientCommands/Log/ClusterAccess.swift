import Glibc
import KafkaClient
import Terminal

/// A file of Kafka's client properties, as `--command-config` of Kafka's tools.
package struct ClusterAccess: Sendable {
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
        guard let properties = JavaProperties.read(text) else {
            throw UsageError(
                "--command-config \(path) has a \\u that is not followed by four hexadecimal digits"
            )
        }
        do throws(ClientSecurity.Refusal) {
            security = try ClientSecurity(properties: properties)
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
}
