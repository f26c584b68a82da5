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
        /// Up to where it was filled, and flushed.
        var zeroedEnd: Int64
        var firstSequence: UInt64
        /// Behind the last group in it.
        var endSequence: UInt64
        /// What tells the groups of this use of the file from all other bytes.
        var salt: UInt64
    }

    enum Outcome {
        case written
        /// No file is free until more was written back; nothing was written.
        case needsWriteBack
        /// No byte of the group was written: nothing is lost but this try.
        case notBegun(DiskError)
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
    /// Made, and not entered for sure: its number may be on the disk, so it has to stay.
    private var unentered: JournalFile?
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

    /// Takes over the files that lie there: everything in them was written back. Those whose
    /// making was cut short, or that were damaged since, are removed.
    mutating func takeOver(_ names: [String]) throws(DiskError) {
        let entered = try JournalLedger.load(disk: disk, directory: directory)
        var unsound: [String] = []
        for number in names.compactMap(Self.number).sorted() {
            let path = "\(directory)/\(Self.name(number))"
            let file = try disk.open(path, .readWrite)
            let head = try Self.head(of: file)
            let filled = head.withUnsafeBytes { JournalFileHeader($0) }?.filledByteCount ?? 0
            guard entered?.contains(number) == true, filled >= Int64(JournalFileHeader.byteCount),
                try file.byteCount() >= filled
            else {
                file.close()
                unsound.append(path)
                continue
            }
            idle.append(
                JournalFile(
                    number: number,
                    file: file,
                    byteCount: max(filled, configuration.fileByteCount),
                    zeroedEnd: filled,
                    firstSequence: 0,
                    endSequence: 0,
                    salt: disk.randomNumber()
                )
            )
        }
        let sound = Set(idle.map(\.number))
        // The one that was loaded may not be durable yet: what an older one names stays until then.
        if entered != sound || !unsound.isEmpty {
            try JournalLedger.store(sound, disk: disk, directory: directory)
        }
        guard !unsound.isEmpty else { return }
        for path in unsound { try disk.remove(path) }
        try disk.syncDirectory(directory)
    }

    /// The first bytes of a file; none where they cannot be read, as if they were damaged.
    private static func head(of file: any DiskFile) throws(DiskError) -> [UInt8] {
        do throws(DiskError) {
            return try PartitionFiles.bytes(of: file, at: 0, count: 64)
        } catch {
            guard error.saysUnreadable else {
                file.close()
                throw error
            }
            return []
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
    /// was full (`.full`) or it was `.notBegun`: then it does not count, and can be tried again. A
    /// group that a write-back begins with `mayExceed` the number of files.
    mutating func write(
        entries: [JournalEntry],
        payload: [[UInt8]],
        mayExceed: Bool = false
    ) throws(DiskError) -> Outcome {
        let needed = Int64(JournalRecord.padded(JournalRecord.byteCount(of: entries)))
        do throws(DiskError) {
            if files.isEmpty || position + needed > files[files.count - 1].byteCount {
                guard try beginFile(for: needed, mayExceed) else { return .needsWriteBack }
            }
            try fill(upTo: position + needed)
        } catch {
            // Whatever was written to get the file ready is written again before the next flush.
            return .notBegun(error)
        }
        let last = files.count - 1
        let record = JournalRecord.encode(
            sequence: nextSequence,
            position: position,
            salt: files[last].salt,
            entries: entries,
            payload: payload
        )
        try PartitionFiles.write(record, to: files[last].file, at: position)
        try flush(files[last])
        // Whoever removed it has removed what stands in it: nobody may be told that it is stored.
        try files[last].file.requireNamed()
        position += Int64(record.count)
        byteCount += Int64(record.count)
        nextSequence += 1
        files[last].endSequence = nextSequence
        return .written
    }

    /// A failed flush is final whatever the reason: pages may count as clean that the disk never
    /// got.
    private func flush(_ file: JournalFile) throws(DiskError) {
        do throws(DiskError) { try file.file.sync() } catch .full(let path, _) {
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
        next.salt = disk.randomNumber()
        do throws(DiskError) {
            try writeHeader(of: next)
        } catch {
            idle.append(next)
            throw error
        }
        files.append(next)
        position = Int64(JournalFileHeader.byteCount)
        return true
    }

    /// A new file, filled, headed and flushed, and only then entered as one that must be there. A
    /// try that could not enter it leaves it to the next one.
    private mutating func makeFile(_ byteCount: Int64) throws(DiskError) -> JournalFile {
        var made: JournalFile
        if let unentered { made = unentered } else { made = try makeUnentered(byteCount) }
        made.byteCount = max(made.byteCount, byteCount)
        unentered = made
        let numbers = Set((files + idle).map(\.number) + [made.number])
        try JournalLedger.store(numbers, disk: disk, directory: directory)
        unentered = nil
        return made
    }

    /// No list of files names the one made here: its number is that of none that there is.
    private func makeUnentered(_ byteCount: Int64) throws(DiskError) -> JournalFile {
        let number = 1 + (files + idle).reduce(0) { max($0, $1.number) }
        let path = "\(directory)/\(Self.name(number))"
        if try disk.kind(of: path) != nil { try disk.remove(path) }
        var made = JournalFile(
            number: number,
            file: try disk.open(path, .create),
            byteCount: byteCount,
            zeroedEnd: 0,
            firstSequence: nextSequence,
            endSequence: nextSequence,
            salt: disk.randomNumber()
        )
        do throws(DiskError) {
            try fill(&made, upTo: Int64(JournalFileHeader.byteCount))
            try made.file.sync()
            try disk.syncDirectory(directory)
        } catch {
            made.file.close()
            throw error
        }
        return made
    }

    private func writeHeader(of file: JournalFile) throws(DiskError) {
        let header = JournalFileHeader(
            firstSequence: file.firstSequence,
            fileByteCount: file.byteCount,
            replayFrom: replayFrom,
            filledByteCount: file.zeroedEnd,
            salt: file.salt
        )
        try PartitionFiles.write(header.encoded, to: file.file)
    }

    private mutating func fill(upTo end: Int64) throws(DiskError) {
        try fill(&files[files.count - 1], upTo: end)
    }

    /// Fills the file with zeros ahead of `end`, so that later flushes need not change its length.
    /// They are flushed before the header says so: with a group the header becomes durable, and
    /// never tells of more than there is.
    private func fill(_ file: inout JournalFile, upTo end: Int64) throws(DiskError) {
        guard file.zeroedEnd < end else { return }
        let step = configuration.zeroedByteCount
        let target = min(file.byteCount, (end + step - 1) / step * step)
        let zeros = [UInt8](repeating: 0, count: Int(target - file.zeroedEnd))
        try PartitionFiles.write(zeros, to: file.file, at: file.zeroedEnd)
        try file.file.sync()
        var filled = file
        filled.zeroedEnd = target
        try writeHeader(of: filled)
        file = filled
    }

    /// Forgets every file: the owner ends.
    mutating func close() {
        for file in files + idle { file.file.close() }
        unentered?.file.close()
        files = []
        idle = []
        unentered = nil
    }
}
