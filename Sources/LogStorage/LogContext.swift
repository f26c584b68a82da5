import LogModel
import Synchronization
import Threads

/// What all partitions of a directory share.
final class LogContext: Sendable {
    let disk: any Disk
    let pool: FilePool
    let time: any TimeSource
    let indexes = IndexCache(limit: 16)
    let moved = MovedLogs()
    let journal: JournalConfiguration
    let cleanEnd: CleanEnd
    private let fdatasyncs = Atomic<Int>(0)
    /// Partitions that hold what was not written back.
    private let dirty = Lock<[PartitionLog]>([])
    /// A write-back is about to need states to begin from.
    private let isCapturing = Atomic<Bool>(false)
    /// The highest producer id in folders of another time; -1 for none. The block of ids that were
    /// given out may be older.
    private let foundProducer = Atomic<Int64>(-1)
    /// Bytes appended since the last write-back began.
    let appendedByteCount = Atomic<Int>(0)

    init(
        disk: any Disk,
        directory: String,
        time: any TimeSource,
        journal: JournalConfiguration
    ) {
        self.disk = disk
        cleanEnd = CleanEnd(directory: directory, disk: disk)
        self.time = time
        self.journal = journal
        pool = FilePool(disk: disk, limit: journal.openFileLimit)
    }

    var highestFoundProducer: ProducerID {
        ProducerID(foundProducer.load(ordering: .sequentiallyConsistent))
    }

    /// A partition whose end nothing told of has producers up to this one.
    func noteFound(_ id: ProducerID) {
        var known = foundProducer.load(ordering: .sequentiallyConsistent)
        while known < id.rawValue {
            let (isDone, found) = foundProducer.compareExchange(
                expected: known,
                desired: id.rawValue,
                ordering: .sequentiallyConsistent
            )
            if isDone { return }
            known = found
        }
    }

    var fdatasyncCount: Int { fdatasyncs.load(ordering: .relaxed) + pool.flushCount }

    func countFdatasync() { fdatasyncs.add(1, ordering: .relaxed) }

    var capturesStates: Bool {
        get { isCapturing.load(ordering: .sequentiallyConsistent) }
        set { isCapturing.store(newValue, ordering: .sequentiallyConsistent) }
    }

    /// A partition holds something that is to be written back; told once until `takeDirty`.
    func register(_ log: PartitionLog) { dirty.withLock { $0.append(log) } }

    var dirtyLogs: [PartitionLog] { dirty.withLock { $0 } }

    /// Each of them once, though it was registered again behind a write-back that failed.
    func takeDirty() -> [PartitionLog] {
        let taken = dirty.withLock { dirty in
            defer { dirty = [] }
            return dirty
        }
        var seen: Set<PartitionKey> = []
        return taken.filter { seen.insert($0.key).inserted }
    }
}
