import DirectoryAccess
import LogModel
import LogStorage

/// What the files of a data directory say without being opened; its owner may be at work.
struct DirectoryFacts {
    struct Topic {
        let name: String
        let isInternal: Bool
        let options: [String: String]
        /// Of each partition.
        var byteCounts: [Int]
        /// Since when there are records, about.
        var since: Timestamp?

        var byteCount: Int { byteCounts.reduce(0, +) }
    }

    /// The stores of a job.
    struct Job {
        let name: String
        var storeCount = 0
        var fileCount = 0
        var byteCount = 0
    }

    var topics: [Topic] = []
    var jobs: [Job] = []
    /// The latest time at which one of the files was changed, and which.
    var newestFile: (path: String, time: Timestamp)?

    var partitionCount: Int { topics.reduce(0) { $0 + $1.byteCounts.count } }
    var byteCount: Int {
        topics.reduce(0) { $0 + $1.byteCount } + jobs.reduce(0) { $0 + $1.byteCount }
    }

    /// A directory without anything.
    init() {}

    /// Of the files of a directory.
    init(of directory: String) throws(LogStorageError) {
        for topic in try DataDirectory.topics(disk: PosixDisk(), path: directory) {
            var found = Topic(
                name: topic.name,
                isInternal: topic.name.hasPrefix("__"),
                options: topic.options,
                byteCounts: []
            )
            for index in 0..<topic.partitionCount {
                let folder = "\(directory)/\(topic.name)-\(index)"
                let (byteCount, _) = add(folder)
                found.byteCounts.append(byteCount)
                // Written when the folder was made, and not again.
                guard byteCount > 0, let made = Self.status(of: "\(folder)/partition.metadata")
                else { continue }
                found.since = min(found.since ?? made.time, made.time)
            }
            topics.append(found)
        }
        let state = StateFolder.path(in: directory)
        for name in Folder.names(in: state).sorted() where !name.contains("~") {
            var job = Job(name: name)
            for folder in Folder.names(in: "\(state)/\(name)")
            where Folder.isFolder("\(state)/\(name)/\(folder)") {
                let (byteCount, fileCount) = add("\(state)/\(name)/\(folder)")
                job.storeCount += 1
                job.byteCount += byteCount
                job.fileCount += fileCount
            }
            jobs.append(job)
        }
    }

    /// Takes note of the files of a folder; how many bytes they have, and how many they are.
    private mutating func add(_ folder: String) -> (byteCount: Int, fileCount: Int) {
        var (byteCount, fileCount) = (0, 0)
        for name in Folder.names(in: folder) {
            let path = "\(folder)/\(name)"
            guard let (size, time) = Self.status(of: path) else { continue }
            byteCount += size
            fileCount += 1
            if time > newestFile?.time ?? Timestamp(.min) { newestFile = (path, time) }
        }
        return (byteCount, fileCount)
    }

    /// Nil for a file that is gone meanwhile.
    private static func status(of path: String) -> (byteCount: Int, time: Timestamp)? {
        let disk = PosixDisk()
        guard let byteCount = try? disk.byteCount(of: path),
            let time = try? disk.modificationTime(of: path)
        else { return nil }
        return (Int(clamping: byteCount), time)
    }
}
