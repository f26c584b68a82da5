import Glibc

/// How many files this process may have open, and how many of them the log may keep.
package enum DescriptorBudget {
    /// More than any log needs; some systems have a limit of a billion.
    private static let most: rlim_t = 65_536
    private static let fewestKept = 16
    /// A file that is let go is flushed first: too few cost more than memory.
    private static let mostKept = 16_384

    /// Raises this process's limit as far as it may; the limit then.
    package static func raise() -> Int {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else {
            return fewestKept
        }
        let wanted = min(limit.rlim_max, most)
        if limit.rlim_cur < wanted {
            var raised = limit
            raised.rlim_cur = wanted
            if setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &raised) == 0 {
                limit = raised
            }
        }
        return Int(clamping: limit.rlim_cur)
    }

    /// How many of `limit` descriptors the log may keep open: others need some too, such as the
    /// stores.
    package static func kept(of limit: Int) -> Int {
        max(fewestKept, min(mostKept, limit / 2))
    }

    /// How many of `limit` descriptors connections may have.
    package static func connections(of limit: Int) -> Int { max(1, limit / 4) }
}
