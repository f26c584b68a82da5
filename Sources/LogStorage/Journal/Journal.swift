import LogModel

/// Writes groups into the journal's files: `1.journal`, `2.journal`, … in a folder of their own.
///
/// One owner at a time (the round in progress). A file is used again once everything that it
/// stands for was written back; `free` says up to where that is so.
struct Journal: Sendable {
    struct JournalFile: Sendable {
        var number: Int
        var file: any DiskFile
        var byteCount: Int64
        /// Up to where it was filled.
        var zeroedEnd: Int64
        var firstSequence: UInt64
        /// Behind the last group in it.
        var endSequence: UInt64
    }

    enum Outcome {
        case written
        /// No file is free until more was written back; nothing was written.
        case needsWriteBack
    }

    let disk: any Disk
    let directory: String
    let configuration: JournalConfiguration
    private(set) var nextSequence: UInt64
    /// Below it everything was written back: its files may be used again.
    private(set) var replayFrom: UInt64
    /// The last one takes the groups.
    private var files: [JournalFile] = []
    private var idle: [JournalFile] = []
    private var position: Int64 = 0
    private(set) var byteCount: Int64 = 0

    init(
        disk: any Disk,
        directory: String,
        configuration: JournalConfiguration,
        nextSequence: UInt64
    ) {
        self.disk = disk
        self.directory = directory
        self.configuration = configuration
        self.nextSequence = nextSequence
        replayFrom = nextSequence
    }

    static func name(_ number: Int) -> String { "\(number).journal" }

    /// The number of a journal file's name; nil for other names.
    static func number(of name: String) -> Int? {
        guard name.hasSuffix(".journal") else { return nil }
        return Int(name.dropLast(8)).flatMap { $0 > 0 ? $0 : nil }
    }

    /// Takes over the files that lie there: everything in them was written back.
    mutating func takeOver(_ names: [String]) throws(DiskError) {
        for number in names.compactMap(Self.number).sorted() {
            let file = try disk.open("\(directory)/\(Self.name(number))", .readWrite)
            let byteCount = try file.byteCount()
            idle.append(
                JournalFile(
                    number: number,
                    file: file,
                    byteCount: max(byteCount, configuration.fileByteCount),
                    zeroedEnd: byteCount,
                    firstSequence: 0,
                    endSequence: 0
                )
            )
        }
    }

    /// Takes note that everything in groups below `sequence` was written back, durably so noted.
    mutating func free(below sequence: UInt64) {
        replayFrom = max(replayFrom, sequence)
        while files.count > 1, files[0].endSequence <= replayFrom {
            idle.append(files.removeFirst())
        }
    }

    /// Groups since the last write-back fill more than so many files: time for the next.
    var sealedFileCount: Int { max(0, files.count - 1) }

    /// Writes one group and flushes it. After an error nothing can be said of it, unless the disk
    /// was full (`.full`): then it does not count, and can be tried again. A group that a
    /// write-back begins with `mayExceed` the number of files.
    mutating func write(
        entries: [JournalEntry],
        payload: [[UInt8]],
        mayExceed: Bool = false
    ) throws(DiskError) -> Outcome {
        let needed = Int64(JournalRecord.padded(JournalRecord.byteCount(of: entries)))
        if files.isEmpty || position + needed > files[files.count - 1].byteCount {
            guard try beginFile(for: needed, mayExceed) else { return .needsWriteBack }
        }
        let record = JournalRecord.encode(
            sequence: nextSequence,
            position: position,
            entries: entries,
            payload: payload
        )
        let last = files.count - 1
        try fill(upTo: position + Int64(record.count))
        try PartitionFiles.write(record, to: files[last].file, at: position)
        try flush(files[last])
        position += Int64(record.count)
        byteCount += Int64(record.count)
        nextSequence += 1
        files[last].endSequence = nextSequence
        return .written
    }

    /// A failed flush is final whatever the reason: pages may count as clean that the disk never
    /// got.
    private func flush(_ file: JournalFile) throws(DiskError) {
        do throws(DiskError) { try file.file.sync() } catch .full(let path) {
            throw .failed(
                operation: "fdatasync",
                path: path,
                errorNumber: 0,
                message: "no space was left for what had been written"
            )
        }
    }

    /// Makes a file ready for a record of `needed` bytes; false if none is free.
    private mutating func beginFile(
        for needed: Int64,
        _ mayExceed: Bool
    ) throws(DiskError) -> Bool {
        let wanted = max(configuration.fileByteCount, Int64(JournalFileHeader.byteCount) + needed)
        var next: JournalFile
        if !idle.isEmpty {
            next = idle.removeFirst()
            next.byteCount = max(next.byteCount, wanted)
        } else {
            guard files.count < configuration.fileLimit || mayExceed else { return false }
            next = try makeFile(wanted)
        }
        next.firstSequence = nextSequence
        next.endSequence = nextSequence
        let header = JournalFileHeader(
            firstSequence: nextSequence,
            fileByteCount: next.byteCount,
            replayFrom: replayFrom
        )
        do throws(DiskError) {
            try PartitionFiles.write(header.encoded, to: next.file)
        } catch {
            idle.append(next)
            throw error
        }
        next.zeroedEnd = max(next.zeroedEnd, Int64(JournalFileHeader.byteCount))
        files.append(next)
        position = Int64(JournalFileHeader.byteCount)
        return true
    }

    private func makeFile(_ byteCount: Int64) throws(DiskError) -> JournalFile {
        let number = 1 + (files + idle).reduce(0) { max($0, $1.number) }
        let path = "\(directory)/\(Self.name(number))"
        if try disk.kind(of: path) != nil { try disk.remove(path) }
        let file = try disk.open(path, .create)
        try disk.syncDirectory(directory)
        return JournalFile(
            number: number,
            file: file,
            byteCount: byteCount,
            zeroedEnd: 0,
            firstSequence: 0,
            endSequence: 0
        )
    }

    /// Fills the file with zeros ahead of `end`, so that later flushes need not change its length.
    private mutating func fill(upTo end: Int64) throws(DiskError) {
        let last = files.count - 1
        guard files[last].zeroedEnd < end else { return }
        let step = configuration.zeroedByteCount
        let target = min(files[last].byteCount, (end + step - 1) / step * step)
        let zeros = [UInt8](repeating: 0, count: Int(target - files[last].zeroedEnd))
        try PartitionFiles.write(zeros, to: files[last].file, at: files[last].zeroedEnd)
        files[last].zeroedEnd = target
    }

    /// Forgets every file: the owner ends.
    mutating func close() {
        for file in files + idle { file.file.close() }
        files = []
        idle = []
    }
}
