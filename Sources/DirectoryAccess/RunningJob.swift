import Glibc
import LogStorage
import Streams

/// The job whose process has a data directory open: the lock file names it, and its topology, as it
/// was started last, tells what it reads and writes.
package struct RunningJob {
    package let name: String
    private let topology: TopologySpecification

    /// What the lock file says of a process that is a job's.
    package static func ownerNote(of job: String) -> String { notePrefix + job }

    private static let notePrefix = "the job "
    private static let lockByteLimit = 4096

    /// Nil where no job has the directory, or nothing tells of its topics.
    package init?(owning directory: String) {
        guard let job = Self.job(ofOwner: Self.owner(of: directory)),
            let topology = StoredTopology.read(job, in: StateFolder.path(in: directory))
        else { return nil }
        name = job
        self.topology = topology
    }

    /// The job that an owner is, as a lock file names it: `process 4711 (the job orders)`.
    static func job(ofOwner owner: String) -> String? {
        guard let start = owner.firstIndex(of: "("), let end = owner.lastIndex(of: ")"), start < end
        else { return nil }
        let note = owner[owner.index(after: start)..<end]
        guard note.hasPrefix(notePrefix) else { return nil }
        let job = note.dropFirst(notePrefix.count)
        // It becomes part of a path.
        return job.isEmpty || job.contains("/") || job.hasPrefix(".") ? nil : String(job)
    }

    private static func owner(of directory: String) -> String {
        let descriptor = open("\(directory)/\(DataDirectory.lockFile)", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return "" }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: lockByteLimit)
        let count = read(descriptor, &bytes, bytes.count)
        return String(decoding: bytes.prefix(max(count, 0)), as: UTF8.self)
    }

    /// What the job does with a topic, as a word in front of it; nil where that is nothing.
    package func use(of topic: String) -> String? {
        let kinds = topology.operators.map(\.kind)
        let isRead =
            kinds.contains { topology.inputTopic(of: $0) == topic }
            || topology.globalTables.contains { $0.topic == topic }
        if isRead { return "reads" }
        let isWritten =
            topology.deadLetterTopics.contains(topic)
            || kinds.contains {
                topology.outputTopic(of: $0) == topic || topology.sinkTopics(of: $0).contains(topic)
            }
        return isWritten ? "writes to" : nil
    }
}
