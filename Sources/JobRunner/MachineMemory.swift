import Glibc

/// How much memory this process may have: the machine's, or less where a control group says so.
package enum MachineMemory {
    /// What the stores of a job get if nobody says otherwise: half. The other half is for the log's
    /// buffers, the job's own objects, and the pages of files that the system keeps.
    static var standardShare: Int { limit / 2 }

    /// What this process may have.
    package static var limit: Int { byteCount(groupFolder: ownGroupFolder, below: groupRoot) }

    /// The least of the machine's memory and the limits of the groups from a folder upwards to the
    /// folder of all groups.
    static func byteCount(groupFolder: String?, below root: String) -> Int {
        var least = machineByteCount
        var folder = groupFolder ?? root
        while folder.hasPrefix(root) {
            if let limit = read("\(folder)/memory.max").flatMap(limit(of:)) {
                least = min(least, limit)
            }
            guard let cut = folder.lastIndex(of: "/") else { break }
            folder = String(folder[..<cut])
        }
        // In version 1 of control groups, a process in a container sees its own at the root.
        if let limit = read("\(root)/memory/memory.limit_in_bytes").flatMap(limit(of:)) {
            least = min(least, limit)
        }
        return least
    }

    /// The limit that such a file holds; nil for none.
    static func limit(of text: String) -> Int? {
        guard let limit = Int(text.prefix { $0.isNumber }), limit > 0 else { return nil }
        return limit
    }

    /// The folder of this process's group, by the line `0::/path` of its list of groups.
    private static var ownGroupFolder: String? {
        let lines = (read("/proc/self/cgroup") ?? "").split(separator: "\n")
        return lines.first { $0.hasPrefix("0::/") }.map { "\(groupRoot)\($0.dropFirst(3))" }
    }

    private static let groupRoot = "/sys/fs/cgroup"

    private static var machineByteCount: Int {
        let pages = sysconf(Int32(_SC_PHYS_PAGES))
        let page = sysconf(Int32(_SC_PAGESIZE))
        guard pages > 0, page > 0 else { return 2 << 30 }
        return pages * page
    }

    /// The text of a small file; nil if there is none.
    private static func read(_ path: String) -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 4_096)
        let count = Glibc.read(descriptor, &bytes, bytes.count)
        guard count >= 0 else { return nil }
        return String(decoding: bytes[..<count], as: UTF8.self)
    }
}
