/// The sizes of the journal. Decision 0008 has the measurements behind them.
package struct JournalConfiguration: Sendable, Equatable {
    /// The bytes of one file. A larger group gets a file of its own size.
    package var fileByteCount: Int64 = 64 << 20
    /// How many files there may be; a crash makes the next start read at most all of them.
    package var fileLimit = 3
    /// Files are filled with zeros before use, in steps of this: then a flush changes no length.
    package var zeroedByteCount: Int64 = 1 << 20
    /// A partition with more pending bytes is flushed itself, and they are not written twice.
    package var bulkByteCount = 256 << 10
    /// How many descriptors the log keeps open.
    package var openFileLimit = 512
    /// What is kept of the disk for a start that finds it full: a checkpoint of thousands of
    /// partitions, and the ends of the transactions that were open.
    package var startReserveByteCount: Int64 = 4 << 20

    package init() {}

    /// Small files, for simulated disks whose every sector is looked at.
    package static var small: JournalConfiguration {
        var configuration = JournalConfiguration()
        configuration.fileByteCount = 64 << 10
        configuration.fileLimit = 3
        configuration.zeroedByteCount = 8 << 10
        configuration.bulkByteCount = 8 << 10
        configuration.openFileLimit = 16
        configuration.startReserveByteCount = 0
        return configuration
    }
}
