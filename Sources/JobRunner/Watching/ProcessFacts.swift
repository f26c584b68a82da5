import Glibc

/// What the system says of this process; nil where it says nothing.
struct ProcessFacts: Sendable {
    /// Bytes of memory that it has.
    var residentByteCount: Int?
    /// Of all its threads, in its own code and in the system's.
    var cpuSeconds: Double
    var openDescriptorCount: Int?
    var descriptorLimit: UInt64?

    init() {
        residentByteCount = Self.residentByteCount()
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        cpuSeconds = [usage.ru_utime, usage.ru_stime].reduce(0) { sum, time in
            sum + Double(time.tv_sec) + Double(time.tv_usec) / 1e6
        }
        openDescriptorCount = Self.entryCount(of: "/proc/self/fd")
        var limit = rlimit()
        if getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 {
            descriptorLimit = UInt64(limit.rlim_cur)
        }
    }

    private static func residentByteCount() -> Int? {
        let descriptor = open("/proc/self/statm", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 256)
        let count = read(descriptor, &bytes, bytes.count)
        let words = String(decoding: bytes.prefix(max(count, 0)), as: UTF8.self).split(
            separator: " "
        )
        guard words.count > 1, let pages = Int(words[1]) else { return nil }
        return pages.multipliedReportingOverflow(by: Int(sysconf(Int32(_SC_PAGESIZE)))).partialValue
    }

    /// The files that are open, the one of this look among them.
    private static func entryCount(of path: String) -> Int? {
        guard let folder = opendir(path) else { return nil }
        defer { closedir(folder) }
        var count = 0
        while let entry = readdir(folder) {
            // Neither the folder itself nor the one above.
            if entry.pointee.d_name.0 != CChar(UInt8(ascii: ".")) { count += 1 }
        }
        return count
    }
}
