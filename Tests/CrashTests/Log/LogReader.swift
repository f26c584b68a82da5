import LogModel
import LogStorage

/// A batch as a reader got it.
struct ReadBatch: Equatable {
    var base: Int64
    var last: Int64
    var bytes: [UInt8]
    var producerID: Int64
    var isTransactional: Bool
    var isControl: Bool
}

/// Everything that one isolation level shows of a partition.
struct ReadPartition: Equatable {
    var batches: [ReadBatch] = []
    var aborted: Set<AbortedTransaction> = []

    /// The data batches that a reader keeps after leaving out aborted ones as a client does it: by
    /// the aborted list and the markers that it meets.
    var keptData: [ReadBatch] {
        var pending = aborted.sorted { $0.firstOffset < $1.firstOffset }[...]
        var leftOut: Set<Int64> = []
        var kept: [ReadBatch] = []
        for batch in batches {
            while let next = pending.first, next.firstOffset.rawValue <= batch.last {
                leftOut.insert(next.producerID.rawValue)
                pending.removeFirst()
            }
            if batch.isControl {
                leftOut.remove(batch.producerID)
            } else if !batch.isTransactional || !leftOut.contains(batch.producerID) {
                kept.append(batch)
            }
        }
        return kept
    }
}

/// Reads a partition from `start` to the end in small pieces.
struct PartitionReader {
    enum Piece {
        case read(LogReadResult)
        case tooSmall(needed: Int)
    }

    /// One read at an offset into a buffer.
    let read: (Offset, UnsafeMutableRawBufferPointer) throws -> Piece

    static func of(_ log: PartitionLog, _ isolation: IsolationLevel) -> PartitionReader {
        PartitionReader { offset, bytes in
            do throws(LogStorageError) {
                return .read(
                    try log.read(
                        from: offset,
                        maxByteCount: bytes.count,
                        isolation: isolation,
                        into: bytes
                    )
                )
            } catch .bufferTooSmall(let needed) {
                return .tooSmall(needed: needed)
            }
        }
    }

    func all(from start: Offset, pieceByteCount: Int = 1024) throws -> ReadPartition {
        var result = ReadPartition()
        var next = start
        var buffer = [UInt8](repeating: 0, count: pieceByteCount)
        while true {
            switch try buffer.withUnsafeMutableBytes({ try read(next, $0) }) {
            case .tooSmall(let needed):
                buffer = [UInt8](repeating: 0, count: needed)
            case .read(let answer):
                guard answer.byteCount > 0 else { return result }
                result.aborted.formUnion(answer.abortedTransactions)
                let batches = try Self.split(buffer[..<answer.byteCount])
                result.batches += batches.filter { $0.last >= next.rawValue }
                guard let last = batches.last, last.last >= next.rawValue else {
                    throw Violation(
                        invariant: .offsetsRise,
                        detail: "a read at \(next.rawValue) went nowhere"
                    )
                }
                next = Offset(last.last + 1)
            }
        }
    }

    private static func split(_ bytes: ArraySlice<UInt8>) throws -> [ReadBatch] {
        var batches: [ReadBatch] = []
        try bytes.withUnsafeBytes { bytes in
            var start = 0
            while start < bytes.count {
                let view = try RecordBatchView(UnsafeRawBufferPointer(rebasing: bytes[start...]))
                try view.verifyChecksum()
                batches.append(
                    ReadBatch(
                        base: view.baseOffset.rawValue,
                        last: view.lastOffset.rawValue,
                        bytes: Array(view.bytes),
                        producerID: view.producerID.rawValue,
                        isTransactional: view.attributes.isTransactional,
                        isControl: view.attributes.isControl
                    )
                )
                start += view.byteCount
            }
        }
        return batches
    }
}

extension ReadBatch {
    /// The records' values as texts.
    func values() throws -> [String] {
        var values: [String] = []
        try bytes.withUnsafeBytes { bytes in
            var records = try RecordBatchView(bytes).records()
            while let record = try records.next() {
                let value = record.value ?? UnsafeRawBufferPointer(start: nil, count: 0)
                values.append(String(decoding: value, as: UTF8.self))
            }
        }
        return values
    }
}
