/// `.millrace/reserve`: room that only a start may take. After a kill it has to write a checkpoint
/// before anything is served, also where somebody else has filled the disk meanwhile.
struct StartReserve {
    static let fileName = "reserve"
    /// Kept while so many times its size are free.
    private static let ease: Int64 = 16

    private let files: PartitionFiles
    private let byteCount: Int64
    private var path: String { files.path("\(DataDirectory.ownFolder)/\(Self.fileName)") }

    init(_ files: PartitionFiles, _ configuration: JournalConfiguration) {
        self.files = files
        byteCount = configuration.startReserveByteCount
    }

    /// Gives the room up; false where there was none to give up.
    func take() -> Bool {
        do throws(DiskError) {
            try files.disk.remove(path)
            return true
        } catch {
            return false
        }
    }

    /// Whether less is free than a start may need.
    var isNeeded: Bool {
        guard let free = try? files.disk.freeByteCount(at: files.directory) else { return false }
        return free < byteCount
    }

    /// Keeps the room again where there is plenty. Without it everything works: what goes wrong
    /// here is nobody's failure.
    func keep() {
        guard byteCount > 0, (try? files.disk.byteCount(of: path)) != .some(byteCount),
            let free = try? files.disk.freeByteCount(at: files.directory),
            free / Self.ease >= byteCount
        else { return }
        guard (try? files.disk.reserve(path, byteCount)) == nil else { return }
        _ = take()
    }

    /// What is said of a start that took it.
    var words: String {
        "no room is left on the disk of \(files.directory): this start took the \(byteCount >> 20) "
            + "MiB that were kept for it in \(path); make room before the next one"
    }
}
