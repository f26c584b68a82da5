import LogModel
import LogStorage

/// The data directory that an import made and has no use for, because it failed.
struct NewDirectory {
    let path: String
    /// The names that were there before; nil where there was no folder.
    let before: [String]?

    /// Removes what the import made, unless a topic is there or somebody else has it by now.
    func removeIfUnused() {
        let disk = PosixDisk()
        guard before?.contains("millrace.topics") != true else { return }
        do throws(DiskError) {
            let lock = try disk.lock("\(path)/millrace.lock", owner: "an import that failed")
            defer { lock.close() }
            guard try hasNoTopic(disk) else { return }
            for name in try disk.list(path) where before?.contains(name) != true {
                try remove("\(path)/\(name)", disk)
            }
            if before == nil { try disk.removeDirectory(path) }
        } catch {
            // It stays as an empty data directory, which the next import takes.
            return
        }
    }

    private func hasNoTopic(_ disk: PosixDisk) throws(DiskError) -> Bool {
        let topics: [TopicDefinition]
        do throws(LogStorageError) {
            topics = try DataDirectory.topics(disk: disk, path: path)
        } catch { return false }
        return topics.allSatisfy { $0.name.hasPrefix("__") }
    }

    private func remove(_ path: String, _ disk: PosixDisk) throws(DiskError) {
        guard try disk.kind(of: path) == .directory else { return try disk.remove(path) }
        for name in try disk.list(path) { try remove("\(path)/\(name)", disk) }
        try disk.removeDirectory(path)
    }
}
