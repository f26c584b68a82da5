package import LogModel
import Synchronization

/// The log of one partition: appends whole batches, makes them durable, and serves what is durable.
///
/// The high watermark is the durable end: nothing behind it is ever served, and an append counts
/// only once `flush()` has returned. One lock guards the state, taken per batch and never held
/// while something is flushed. A failed flush is final: what it lost cannot be known, so the
/// partition stops acknowledging.
///
/// Lock order: `flushing` before `state`.
package final class PartitionLog: Sendable {
    let files: PartitionFiles
    package let configuration: LogConfiguration
    let time: any TimeSource
    let state: Mutex<LogState>
    /// Held by the one caller that flushes; who waits for it finds its bytes durable.
    let flushing = Mutex(FlushState())
    private let fdatasyncs = Atomic<Int>(0)

    struct FlushState: Sendable {
        var mark: (any DiskFile)?
        var isAbandoned = false
    }

    init(
        files: PartitionFiles,
        configuration: LogConfiguration,
        time: any TimeSource,
        state: LogState
    ) {
        self.files = files
        self.configuration = configuration
        self.time = time
        self.state = Mutex(state)
    }

    /// A new, empty log in a folder that exists and is empty. The caller flushes the folder.
    package static func create(
        disk: any Disk,
        directory: String,
        configuration: LogConfiguration,
        time: any TimeSource
    ) throws(LogStorageError) -> PartitionLog {
        let files = PartitionFiles(disk: disk, directory: directory)
        return try onDisk { () throws(DiskError) in
            let segment = try makeSegment(at: .zero, files: files)
            var epochs = LeaderEpochs()
            epochs.note(LeaderEpoch(0), at: .zero)
            var state = LogState(
                segments: [segment],
                producers: ProducerTable(),
                logStart: .zero,
                logEnd: .zero,
                highWatermark: .zero,
                firstDirtySegment: .zero,
                epochs: epochs
            )
            state.directoryIsDirty = true
            try files.writeCache(files.path(LeaderEpochs.fileName), Array(epochs.text.utf8))
            return PartitionLog(
                files: files,
                configuration: configuration,
                time: time,
                state: state
            )
        }
    }

    static func makeSegment(
        at offset: Offset,
        files: PartitionFiles
    ) throws(DiskError) -> Segment {
        let path = files.path(offset, ".log")
        // What a crash left of a segment that never held a flushed byte.
        if try files.disk.kind(of: path) != nil { try files.disk.remove(path) }
        return Segment(baseOffset: offset, file: try files.disk.open(path, .create))
    }

    /// The offsets between which the log can be read, now.
    package var bounds: LogBounds { state.withLock { $0.bounds } }

    /// Why the partition takes no appends; nil if it does.
    package var readOnlyReason: String? { state.withLock { $0.readOnlyReason } }

    /// Flushes of files since the log was opened.
    package var fdatasyncCount: Int { fdatasyncs.load(ordering: .relaxed) }

    func countFdatasync() { fdatasyncs.add(1, ordering: .relaxed) }

    /// The producers that the log remembers, by id.
    package var activeProducers: [ActiveProducer] {
        let entries = state.withLock { $0.producers.entries }
        return entries.sorted { $0.key < $1.key }.map { id, entry in
            ActiveProducer(
                producerID: id,
                epoch: entry.epoch,
                lastSequence: entry.batches.last?.lastSequence ?? .none,
                lastTimestamp: entry.lastTimestamp,
                coordinatorEpoch: entry.coordinatorEpoch,
                currentTransactionFirstOffset: entry.transactionFirstOffset
            )
        }
    }

    /// Ends the use without a clean close, as after a failure: the next opening recovers.
    package func abandon() {
        state.withLock { $0.readOnlyReason = $0.readOnlyReason ?? "the log is closed" }
        closeFiles()
    }

    func closeFiles() {
        flushing.withLock { flush in
            flush.mark?.close()
            flush.mark = nil
            guard !flush.isAbandoned else { return }
            flush.isAbandoned = true
            state.withLock { state in for segment in state.segments { segment.file.close() } }
        }
    }
}
