import DirectoryAccess
import Terminal

/// What the machine means for a data directory; pure.
enum MachineDiagnosis {
    /// No disk writes within this time: something in between only says so.
    private static let fastestFlush = Duration.microseconds(15)
    /// A commit waits for one flush at least.
    private static let slowFlush = Duration.milliseconds(20)

    static func findings(_ facts: MachineFacts, directory: String) -> [Finding] {
        [place(facts.mount, directory), flush(facts)]
    }

    // MARK: Durability

    private static func place(_ mount: Mount?, _ directory: String) -> Finding {
        let area = "durability"
        guard let mount else {
            return .note(
                area,
                "the file system of \(directory) is not known",
                why: "/proc/self/mountinfo does not name it"
            )
        }
        let name = "\(mount.kind) on \(mount.source)"
        let move = "stop what uses it, then: cp -a \(shellPath(directory)) DIR-ON-A-DISK"
        if mount.options.contains("ro") {
            return .warning(
                area,
                "\(name) is mounted for reading only",
                why: "nothing can be produced or committed",
                next: "mount -o remount,rw the file system, or give another --data"
            )
        }
        switch mount.durability {
        case .inMemory:
            return .warning(
                area,
                "the folder lies in memory (\(name))",
                why: "everything is gone with the next restart of the machine",
                next: move
            )
        case .inContainer:
            return .warning(
                area,
                "the folder lies in a container's own layer (\(name))",
                why: "everything is gone with the container",
                next: "mount a volume there: docker run --volume NAME:\(shellWord(directory))"
            )
        case .onNetwork:
            return .warning(
                area,
                "the folder lies on another machine's disk (\(name))",
                why: "whether a flush is durable and a lock keeps a second process out is that "
                    + "machine's to say",
                next: move
            )
        case .onDisk where !mount.careless.isEmpty:
            return .warning(
                area,
                "\(name) is mounted with \(mount.careless.joined(separator: ","))",
                why: "after a power loss what was acknowledged may be missing or out of order",
                next: "take the option out of /etc/fstab and mount it again"
            )
        case .onDisk: return .good(area, name)
        }
    }

    private static func flush(_ facts: MachineFacts) -> Finding {
        let area = "flush"
        switch facts.flush {
        case .failure(let failure):
            return .warning(
                area,
                "nothing can be written in the folder: \(failure.reason)",
                why: "then nothing can be produced or committed either",
                next: "look at the folder's owner, rights and free space"
            )
        case .success(let measured):
            let spelled =
                "half of \(measured.count) flushes of 4 KiB took "
                + "\(spelledTime(measured.median)) or less"
            guard facts.mount?.durability != .inMemory else {
                return .note(area, spelled, why: "memory has no flush: it says nothing of a disk")
            }
            if measured.median < fastestFlush {
                return .warning(
                    area,
                    spelled,
                    why: "no disk is that fast: something in between (a virtual disk, a library "
                        + "such as libeatmydata) says that bytes are on disk before they are",
                    next: "look at the virtual disk's cache mode, and at LD_PRELOAD"
                )
            }
            if measured.median > slowFlush {
                return .warning(
                    area,
                    spelled,
                    why: "each commit waits for a flush; a job commits every 100 ms without "
                        + "--commit-interval",
                    next: "use a faster disk, or commit less often: millrace run JOB "
                        + "--commit-interval 1s"
                )
            }
            return .good(area, spelled)
        }
    }

    static func spelledTime(_ time: Duration) -> String {
        let seconds = time.seconds
        if seconds < 1e-3 { return "\(Int((seconds * 1e6).rounded())) µs" }
        return seconds < 1 ? "\(decimal(seconds * 1e3, places: 1)) ms" : time.spelled
    }
}
