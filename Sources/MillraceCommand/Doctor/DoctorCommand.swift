import Broker
import BrokerAPI
import ClientCommands
import DirectoryAccess
import LogModel
import LogStorage
import Terminal

/// `millrace doctor`: looks at a data directory and its machine for what goes wrong later.
enum DoctorCommand {
    private static let data = DataDirectoryOption.parameter
    private static let asJSON = Parameter.flag("json", help: "one JSON object a line")

    static let command = Command(
        "doctor",
        summary: "look for what may go wrong; exit 1 if there is a warning",
        discussion: "Durability (the file system, and how long a flush takes), free space and what "
            + "retention will want,\nopen files, memory, partitions, keys, clocks, how the last "
            + "process ended, partitions that cannot be\nused, transactions that hang, groups that "
            + "lag. The files are looked at; then the log is opened with all of\nits partitions, "
            + "or its owner asked, who tells of those that it has opened. `millrace log verify`\n"
            + "reads every byte; this does not.",
        parameters: [asJSON.declaration, data.declaration],
        examples: [
            .init("millrace doctor --data ./data", "before a directory is relied upon"),
            .init("millrace doctor --json", "for a check that runs now and then"),
        ],
        exits: [.init("1", "there is a warning, or the work failed")]
    ) { invocation in
        let directory = invocation[data]
        try requireDirectory(directory)
        let now = SystemTimeSource().wallTime()
        let machine = MachineFacts(of: directory)
        var report = DoctorReport(asJSON: invocation[asJSON])
        report.tell(MachineDiagnosis.findings(machine, directory: directory))
        report.tell([end(of: directory)] + users(of: directory))
        let facts = try directoryFacts(of: directory)
        let diagnosis = DirectoryDiagnosis(
            directory: directory,
            machine: machine,
            facts: facts,
            now: now
        )
        report.tell(diagnosis.findings)
        // Which records are deleted the log says.
        let log = log(in: directory, now)
        report.tell(keys(of: facts, in: directory, log.starts))
        report.tell(log.findings)
        report.tellVerdict(of: directory)
        return report.warningCount == 0 ? .done : .failed
    }

    private static func requireDirectory(_ directory: String) throws(CommandFailure) {
        do throws(LogStorageError) {
            try DataDirectory.checkFormat(disk: PosixDisk(), path: directory)
        } catch { throw CommandFailure(opening: directory, BrokerError(error, in: directory)) }
    }

    /// How the last process ended; or who is at work.
    private static func end(of directory: String) -> Finding {
        do throws(LogStorageError) {
            let lock = try DataDirectory.lockForReading(disk: PosixDisk(), path: directory)
            defer { lock?.close() }
            guard try DataDirectory.endedCleanly(disk: PosixDisk(), path: directory) else {
                return .note(
                    "end",
                    "the last process did not end in order",
                    why: "whoever opens the log reads the journal first; what no one was told was "
                        + "stored is cut, and told",
                    next: nextCommand("log verify", data: directory)
                )
            }
            return .good("end", "the last process ended in order")
        } catch .disk(.locked(_, let owner)) {
            return .good("end", "\(owner) is at work")
        } catch {
            return .warning(
                "end",
                "how the last process ended cannot be read: \(error)",
                why: "the log may not open either",
                next: nextCommand("log verify", data: directory)
            )
        }
    }

    /// The file of who may log in, where there is one.
    private static func users(of directory: String) -> [Finding] {
        let store = CredentialStore(disk: PosixDisk(), directory: directory)
        if let damage = store.damage {
            return [
                .warning(
                    "users",
                    "who may log in with a password is not known: \(damage)",
                    why: "nobody can, and no user is set or deleted",
                    next: "put the file back from a copy, or move it away and set the users anew"
                )
            ]
        }
        let count = Set(store.all.map(\.key.user)).count
        return count == 0 ? [] : [.good("users", "\(counted(count, "user")) may log in")]
    }

    private static func directoryFacts(
        of directory: String
    ) throws(CommandFailure) -> DirectoryFacts {
        do throws(LogStorageError) { return try DirectoryFacts(of: directory) } catch {
            throw CommandFailure(opening: directory, BrokerError(error, in: directory))
        }
    }

    private static func keys(
        of facts: DirectoryFacts,
        in directory: String,
        _ starts: [TopicPartition: Offset]
    ) -> [Finding] {
        facts.topics.filter { !$0.isInternal && $0.byteCount > 0 }.compactMap { topic in
            KeySample.read(topic, in: directory, logStarts: starts).finding(directory: directory)
        }
    }

    /// What the log itself says, and where its partitions start. That it does not open is a finding
    /// like others.
    private static func log(
        in directory: String,
        _ now: Timestamp
    ) -> (findings: [Finding], starts: [TopicPartition: Offset]) {
        do {
            let facts =
                switch try DirectoryOwner.log(of: .directory(directory), creates: false, nil) {
                case .served(let served):
                    try LogFacts(
                        of: served,
                        topics: served.shownTopics(withInternal: true),
                        areOpened: false
                    )
                case .opened(let log):
                    try closing(log) {
                        try LogFacts(
                            of: ServedLog(inProcess: log),
                            topics: log.openedTopics(),
                            areOpened: true
                        )
                    }
                }
            let diagnosis = LogDiagnosis(directory: directory, facts: facts, now: now)
            return (diagnosis.findings, facts.logStarts)
        } catch {
            let failure = CommandFailure(explaining: error, data: directory)
            let finding = Finding.warning(
                "health",
                failure.what,
                why: failure.reason ?? "what it holds cannot be read or written",
                next: failure.next ?? nextCommand("log verify", data: directory)
            )
            return ([finding], [:])
        }
    }
}
