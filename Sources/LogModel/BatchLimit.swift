/// How large a record batch may be, in one place: whoever writes, checks, reads, shows or verifies
/// batches takes the number from here, so that nothing is accepted that cannot be read again.
public enum BatchLimit {
    /// Header and records of a batch as it is stored: 256 MiB. `max.message.bytes` cannot be set
    /// above it, and a length field that claims more is damage.
    public static let byteCount = 256 << 20
    /// The records of one batch once they are decompressed; a few bytes of input cannot ask for
    /// more memory than an uncompressed batch takes.
    public static let recordByteCount = byteCount
    /// `max.message.bytes` where a topic does not say otherwise, Kafka's number.
    public static let defaultByteCount = 1_048_588

    /// Whether a batch can have a record of so many bytes of key, value and headers.
    package static func hasRoom(forRecord byteCount: Int) -> Bool {
        RecordBatchBuilder(capacity: 0).hasRoom(for: byteCount, limit: Self.byteCount)
    }
}
