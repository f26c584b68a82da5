import DirectoryAccess
import Glibc
import JobRunner

/// What the machine gives to a data directory.
struct MachineFacts {
    var mount: Mount?
    var flush: Result<FlushMeasurement, FlushFailure>
    var freeByteCount: Int
    /// Files that the file system can have beside those it has; nil where it has no limit.
    var freeFileCount: Int?
    /// Open files that a process may have.
    var descriptorLimit: Int
    /// Memory that a process may have.
    var memoryByteCount: Int
}

extension MachineFacts {
    /// Measures a flush in the directory, and asks for the rest.
    init(of directory: String) {
        var resolved = directory
        if let real = realpath(directory, nil) {
            resolved = String(cString: real)
            free(real)
        }
        mount = Self.text(of: "/proc/self/mountinfo").flatMap { Mount.of(resolved, in: $0) }
        let own = "\(directory)/.millrace"
        flush = Result { () throws(FlushFailure) in
            try FlushMeasurement.run(in: Folder.isFolder(own) ? own : directory)
        }
        var status = statvfs()
        let isKnown = statvfs(directory, &status) == 0
        let unit = isKnown ? Double(status.f_frsize) : 0
        freeByteCount = Int(min(Double(status.f_bavail) * unit, 1e18))
        freeFileCount = Folder.freeFileCount(at: directory)
        var limit = rlimit()
        let hasLimit = getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0
        // Millrace raises its own limit as far as it may.
        descriptorLimit = hasLimit ? Int(clamping: min(limit.rlim_max, 65_536)) : 1_024
        memoryByteCount = MachineMemory.limit
    }

    private static func text(of path: String) -> String? {
        guard let file = fopen(path, "re") else { return nil }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 1 << 20)
        let count = fread(&bytes, 1, bytes.count, file)
        return String(decoding: bytes[..<count], as: UTF8.self)
    }
}
