import Glibc

/// An address of a client: the same one however it is spelled, and an IPv4 address where it is
/// mapped into IPv6, as a listener on `[::]` sees those who came by IPv4.
package struct HostAddress: Hashable, Sendable {
    /// 4 of IPv4, or 16.
    private let bytes: [UInt8]

    /// Nil for text that is no address: a name, a range of addresses, one with a zone.
    package init?(_ text: String) {
        if let bytes = Self.parse(text, AF_INET, byteCount: 4) {
            self.bytes = bytes
        } else if let bytes = Self.parse(text, AF_INET6, byteCount: 16) {
            let isMapped = bytes.starts(with: Self.mappedPrefix)
            self.bytes = isMapped ? Array(bytes.dropFirst(Self.mappedPrefix.count)) : bytes
        } else {
            return nil
        }
    }

    private static let mappedPrefix = [UInt8](repeating: 0, count: 10) + [0xff, 0xff]

    /// As Java and so Kafka writes it: all eight groups of an IPv6 address, none of them shortened
    /// away.
    package var text: String {
        guard bytes.count == 16 else { return bytes.map { String($0) }.joined(separator: ".") }
        return stride(from: 0, to: bytes.count, by: 2).map { index in
            String(UInt16(bytes[index]) << 8 | UInt16(bytes[index + 1]), radix: 16)
        }.joined(separator: ":")
    }

    /// The one spelling of an address; other text, such as `*`, as it is.
    package static func spelling(_ text: String) -> String { HostAddress(text)?.text ?? text }

    private static func parse(_ text: String, _ family: Int32, byteCount: Int) -> [UInt8]? {
        // The system's function would stop at it.
        guard !text.utf8.contains(0) else { return nil }
        var bytes = [UInt8](repeating: 0, count: byteCount)
        let isRead = bytes.withUnsafeMutableBytes { inet_pton(family, text, $0.baseAddress) == 1 }
        return isRead ? bytes : nil
    }
}
