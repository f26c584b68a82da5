import FileOwner
import Glibc
import JSON
import Serdes
package import Streams

/// A job's topology as it was started last, `<state>/<job>/topology.json`: what a plan compares
/// with. Nothing depends on it: one that is missing or cannot be read is none.
package struct StoredTopology: Codable, Sendable {
    private var version = 1
    package var topology: TopologySpecification

    private static let byteLimit = 16 << 20

    package init(_ topology: TopologySpecification) { self.topology = topology }

    private static func path(_ job: String, _ stateDirectory: String) -> String {
        "\(stateDirectory)/\(job)/topology.json"
    }

    /// The topology that a job had; nil where that is not known.
    package static func read(_ job: String, in stateDirectory: String) -> TopologySpecification? {
        guard let file = fopen(path(job, stateDirectory), "re") else { return nil }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: byteLimit)
        let count = fread(&bytes, 1, bytes.count, file)
        guard count < byteLimit else { return nil }
        let stored = bytes[..<count].withUnsafeBytes {
            try? JSONSerde<StoredTopology>().decode($0)
        }
        guard let stored, stored.version == 1 else { return nil }
        return stored.topology
    }

    /// Puts it in the place of what is there, in one step. It need not survive a power loss.
    package func write(in stateDirectory: String) throws {
        var sink = ByteSink()
        try JSONSerde<StoredTopology>().encode(self, into: &sink)
        try Folder.create("\(stateDirectory)/\(topology.job)")
        let path = Self.path(topology.job, stateDirectory)
        let unfinished = path + ".unfinished"
        // What a start that was killed has left.
        unlink(unfinished)
        let descriptor = FileOwner.make(unfinished, O_WRONLY, mode: 0o644)
        guard descriptor >= 0 else { throw Folder.failure("create", unfinished) }
        guard let file = fdopen(descriptor, "w") else {
            let failure = Folder.failure("create", unfinished)
            close(descriptor)
            throw failure
        }
        let bytes = sink.bytes
        let isWritten = fwrite(bytes.baseAddress, 1, bytes.count, file) == bytes.count
        guard fclose(file) == 0, isWritten else { throw Folder.failure("write", unfinished) }
        guard rename(unfinished, path) == 0 else { throw Folder.failure("rename", unfinished) }
    }
}
