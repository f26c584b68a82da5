package import Broker
package import EmbeddedClient
import Glibc
package import LogModel
import LogStorage
package import Terminal

/// The bundled log, opened by a command, with its failures in words.
package struct OpenLog {
    package let directory: String
    package let broker: Broker
    package let client: EmbeddedClient

    /// Opens the log in `directory`. Where there is none, makes one only if `creates`.
    package init(_ directory: String, creates: Bool) throws(CommandFailure) {
        self.directory = directory
        if !creates, !Self.isFolder(directory) {
            throw CommandFailure(
                "there is no data directory",
                place: directory,
                reason: "the folder does not exist",
                next: "millrace topic create NAME --partitions N --data \(directory)"
            )
        }
        try Self.refuseKafka(directory)
        do {
            broker = try Broker.open(disk: PosixDisk(), directory: directory)
        } catch {
            throw CommandFailure(opening: directory, error)
        }
        client = EmbeddedClient(broker: broker)
        for (partition, report) in broker.recoveryReports.sorted(by: { $0.key < $1.key }) {
            if let warning = Self.warning(of: report, partition) {
                TextOutput.error.write("warning: \(warning)\n")
            }
        }
    }

    /// Kafka's directories are read and never written: opening a log would write.
    private static func refuseKafka(_ directory: String) throws(CommandFailure) {
        let kind: DirectoryKind
        do throws(DiskError) { kind = try DirectoryKind.of(directory, on: PosixDisk()) } catch {
            throw CommandFailure("the data directory does not open", place: directory, .disk(error))
        }
        guard kind == .kafka else { return }
        throw CommandFailure(
            KafkaDirectoryRefusal.what,
            place: directory,
            reason: KafkaDirectoryRefusal.reason,
            next: KafkaDirectoryRefusal.next(for: directory)
        )
    }

    /// The topics that an import which was killed has left half filled, of those that are there.
    package func unfinishedImports() throws(CommandFailure) -> [String] {
        let names: [String]
        do throws(LogStorageError) {
            names = try ImportLedger(disk: PosixDisk(), directory: directory).unfinishedTopics()
        } catch {
            throw CommandFailure(
                "the data directory does not open",
                place: directory,
                BrokerError(error, in: directory)
            )
        }
        return names.filter { broker.topic($0) != nil }
    }

    /// What a person should know of a partition's recovery; nil where all was well.
    private static func warning(
        of report: RecoveryReport,
        _ partition: TopicPartition
    ) -> String? {
        if let damage = report.damage {
            return "\(partition) is damaged from offset \(damage.offset.rawValue) on: it is "
                + "readable up to there, nothing was cut, and it takes no more"
        }
        return report.cut.map {
            "\(partition) lost \($0.byteCount) bytes behind offset \($0.offset.rawValue) that no "
                + "one was told were stored: \($0.reason)"
        }
    }

    /// Fails if one of the partitions that `matters` is damaged: what lies behind the damage is
    /// not to be seen, which must not pass for an end.
    package func requireIntact(
        _ matters: (TopicPartition) -> Bool
    ) throws(CommandFailure) {
        let reports = broker.recoveryReports.sorted { $0.key < $1.key }
        for (partition, report) in reports where matters(partition) {
            guard let damage = report.damage else { continue }
            throw CommandFailure(
                "\(partition) is damaged from offset \(damage.offset.rawValue) on",
                place: "\(damage.file) at byte \(damage.position)",
                reason: damage.reason,
                next: "millrace log verify --data \(directory)"
            )
        }
    }

    /// Flushes and gives the directory back.
    package func close() throws(CommandFailure) {
        do {
            try broker.close()
        } catch {
            throw CommandFailure("the log did not close cleanly", place: directory, error)
        }
    }

    private static func isFolder(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }
}

extension CommandFailure {
    /// Why a data directory does not open.
    package init(opening directory: String, _ error: BrokerError) {
        switch error {
        case .directoryInUse(_, let owner):
            self.init(
                "the data directory is in use",
                place: directory,
                reason: "it belongs to \(owner)",
                next: "wait for that process or stop it, or give another --data"
            )
        default:
            self.init("the data directory does not open", place: directory, error)
        }
    }

    /// What went wrong, in the log's words, with the command that helps next.
    package init(_ what: String, place: String, _ error: BrokerError) {
        let next: String? =
            switch error {
            case .corrupt, .readOnly: "millrace log verify"
            case .full: "free some space; nothing needs a restart"
            case .directoryInUse, .refused, .offsetOutOfRange, .bufferTooSmall, .closed, .disk,
                .tooLong:
                nil
            }
        self.init(what, place: place, reason: error.description, next: next)
    }
}
