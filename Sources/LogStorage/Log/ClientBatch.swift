package import LogModel
import Threads

/// Checks what a client sends. A small batch may hold a thousand times its bytes: what grows large
/// is decompressed by one thread at a time, or as many at once as there are threads would take the
/// machine's memory.
enum ClientBatch {
    struct Checked: Sendable {
        var time: RecordBatchStamp.Time
        var hasDenseOffsets: Bool
    }

    /// Any thread may take so much at any time.
    private static let freeByteCount = 32 << 20

    /// Whose turn it is to take more. It guards memory, and no value.
    private static let turn = Lock(())

    static func check(
        _ bytes: UnsafeRawBufferPointer,
        rules: ProduceRules,
        appendTime: Timestamp?
    ) throws(ProduceRefusal) -> Checked {
        var smaller = rules
        smaller.decompressedByteLimit = min(freeByteCount, rules.decompressedByteLimit)
        do throws(ProduceRefusal) {
            return try checkNow(bytes, rules: smaller, appendTime: appendTime)
        } catch {
            // Damaged, or larger than that.
            guard error.code == .corruptMessage else { throw error }
        }
        return try turn.withLock { _ throws(ProduceRefusal) in
            try checkNow(bytes, rules: rules, appendTime: appendTime)
        }
    }

    private static func checkNow(
        _ bytes: UnsafeRawBufferPointer,
        rules: ProduceRules,
        appendTime: Timestamp?
    ) throws(ProduceRefusal) -> Checked {
        var decompressor = RecordDecompressor()
        let batch = try ProduceValidator.validate(
            bytes,
            rules: rules,
            decompressor: &decompressor
        )
        return Checked(
            time: batch.time(appendTime: appendTime),
            hasDenseOffsets: batch.hasDenseOffsets
        )
    }
}

extension PartitionLog {
    /// Why this log refuses a client's batch, as far as the batch tells; nil where it does not.
    package func refusalToClients(of bytes: UnsafeRawBufferPointer) -> ProduceRefusal? {
        do throws(ProduceRefusal) {
            _ = try ClientBatch.check(bytes, rules: rulesForClients, appendTime: nil)
            return nil
        } catch { return error }
    }
}
