import Broker
import LogModel
import LogStorage
import MillraceTestKit

/// A directory with records of which one file is other bytes: segment, index, journal, checkpoint
/// or table. The first two bytes choose the file, the next two say how many of its own bytes stay
/// in front. It opens, or says why not; so does the verification.
enum DiskFuzzing {
    private static let folder = "/fuzz"

    static func run(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count >= 4 else { return }
        let path = paths[(Int(bytes[0]) << 8 | Int(bytes[1])) % paths.count]
        let kept = Int(bytes[2]) << 8 | Int(bytes[3])
        let disk = directory.copy()
        do throws(DiskError) {
            let file = try disk.open(path, .readWrite)
            let begin = min(Int64(kept), try file.byteCount())
            try file.truncate(to: begin)
            try file.write(UnsafeRawBufferPointer(rebasing: bytes[4...]), at: begin)
            try file.sync()
            file.close()
        } catch { fatalError("\(path): \(error)") }
        verify(disk.copy())
        do throws(BrokerError) {
            let broker = try open(disk)
            try broker.close()
        } catch { precondition(!error.description.isEmpty, "a refusal without words") }
    }

    private static func verify(_ disk: SimulatedDisk) {
        do throws(LogStorageError) {
            _ = try LogVerifier.verify(disk: disk, directory: folder)
        } catch { precondition(!error.description.isEmpty, "a refusal without words") }
    }

    private static func open(_ disk: SimulatedDisk) throws(BrokerError) -> Broker {
        try Broker.open(
            disk: disk,
            directory: folder,
            configuration: BrokerConfiguration(execution: .inline),
            time: ManualTimeSource()
        )
    }

    /// As a killed process leaves it.
    private static let directory: SimulatedDisk = {
        let disk = SimulatedDisk()
        do throws(BrokerError) {
            let broker = try open(disk)
            try broker.createTopic("t", partitionCount: 2)
            let name = TopicPartition("t", PartitionIndex(0))
            for number in 0..<20 {
                var builder = RecordBatchBuilder(capacity: 512)
                let value = Array("value \(number)".utf8)
                value.withUnsafeBytes {
                    builder.append(timestamp: Timestamp(Int64(number)), key: nil, value: $0)
                }
                var batch = Array(
                    builder.seal(
                        attributes: BatchAttributes(),
                        producerID: ProducerID(7),
                        producerEpoch: ProducerEpoch(0),
                        baseSequence: SequenceNumber(Int32(number))
                    )
                )
                try produce(&batch, to: name, broker)
            }
        } catch { fatalError("the directory was not made: \(error)") }
        disk.releaseLocks()
        return disk
    }()

    private static func produce(
        _ batch: inout [UInt8],
        to name: TopicPartition,
        _ broker: Broker
    ) throws(BrokerError) {
        let result = batch.withUnsafeMutableBytes { bytes in
            Result { () throws(BrokerError) in
                try broker.produce(batch: bytes, to: name, flush: true)
            }
        }
        guard case .appended = try result.get() else { fatalError("a batch was refused") }
    }

    /// Every file of it.
    private static let paths: [String] = {
        var found: [String] = []
        do throws(DiskError) { try collect(folder, &found) } catch { fatalError("\(error)") }
        return found
    }()

    private static func collect(_ path: String, _ found: inout [String]) throws(DiskError) {
        for name in try directory.list(path) {
            let child = "\(path)/\(name)"
            if try directory.kind(of: child) == .directory {
                try collect(child, &found)
            } else {
                found.append(child)
            }
        }
    }
}
