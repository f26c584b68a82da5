package import Broker
package import EmbeddedClient
package import LogModel
package import LogStorage
package import Terminal
import Threads

/// The bundled log, opened by a command, with its failures in words.
package struct OpenLog {
    package let directory: String
    package let broker: Broker
    package let client: EmbeddedClient
    /// Partitions of which something was said: most are opened when they are used.
    private let told = Told()

    /// Opens the log in `directory`. Where there is none, makes one only if `creates`.
    package init(_ directory: String, creates: Bool) throws(CommandFailure) {
        self.directory = directory
        var configuration = BrokerConfiguration()
        configuration.journal.openFileLimit = DescriptorBudget.kept(
            of: DescriptorBudget.raise(),
            wanted: configuration.journal.openFileLimit
        )
        do {
            broker = try Broker.open(
                disk: PosixDisk(),
                directory: directory,
                configuration: configuration,
                creates: creates
            )
        } catch {
            throw CommandFailure(opening: directory, error)
        }
        client = EmbeddedClient(broker: broker)
        for note in broker.notes { Self.warn(note) }
        for partition in broker.topics().flatMap(\.partitions) {
            tell(partition.knownHealth, partition.name)
        }
    }

    private final class Told: Sendable {
        let names = Lock<Set<TopicPartition>>([])
    }

    /// Says once what a person should know of a partition.
    private func tell(_ health: PartitionHealth, _ name: TopicPartition) {
        guard let warning = Self.warning(of: health, name),
            told.names.withLock({ $0.insert(name).inserted })
        else { return }
        Self.warn(warning)
    }

    private static func warn(_ text: String) { TextOutput.error.write("warning: \(text)\n") }

    /// What a person should know of a partition; nil where all is well.
    private static func warning(
        of health: PartitionHealth,
        _ partition: TopicPartition
    ) -> String? {
        switch health {
        case .good: nil
        case .cut(let cut):
            "\(partition) lost \(cut.byteCount) bytes behind offset \(cut.offset.rawValue) that no "
                + "one was told were stored: \(cut.reason)"
        case .damaged(let damage):
            "\(partition) is damaged from offset \(damage.offset.rawValue) on: it is readable up "
                + "to there, nothing was cut, and it takes no more"
        case .readOnly(let reason): "\(partition) takes no more: \(reason)"
        case .offline(let reason): "\(partition) is offline: \(reason)"
        }
    }

    /// Opens the partitions that `matters` names and fails if one of them is damaged or offline:
    /// what cannot be seen of it must not pass for an end.
    package func requireIntact(
        _ matters: (TopicPartition) -> Bool
    ) throws(CommandFailure) {
        for (partition, health) in broker.check(matters) {
            let next = "millrace log verify --data \(shellWord(directory))"
            switch health {
            case .good: continue
            case .cut: tell(health, partition)
            case .damaged(let damage):
                throw CommandFailure(
                    "\(partition) is damaged from offset \(damage.offset.rawValue) on",
                    place: "\(damage.file) at byte \(damage.position)",
                    reason: damage.reason,
                    next: next
                )
            case .readOnly(let reason):
                throw CommandFailure(
                    "\(partition) takes no more",
                    place: directory,
                    reason: reason,
                    next: next
                )
            case .offline(let reason):
                throw CommandFailure(
                    "\(partition) is offline",
                    place: directory,
                    reason: reason,
                    next: next
                )
            }
        }
    }

    /// The topics that an import which was killed has left half filled, of those that are there:
    /// by their ids, or by the name alone where an older program's ledger has no more.
    package func unfinishedImports() throws(CommandFailure) -> [ImportLedger.Entry] {
        let entries: [ImportLedger.Entry]
        do throws(LogStorageError) {
            entries = try ImportLedger(disk: PosixDisk(), directory: directory).entries()
        } catch {
            throw CommandFailure(
                "the data directory does not open",
                place: directory,
                BrokerError(error, in: directory)
            )
        }
        return entries.filter { entry in
            guard let topic = broker.topic(entry.name) else { return false }
            return entry.id == nil || topic.id == entry.id
        }
    }

    /// Flushes and gives the directory back. Says what the partitions have lost that were opened
    /// on the way.
    package func close() throws(CommandFailure) {
        for partition in broker.topics().flatMap(\.partitions) {
            if case .cut = partition.knownHealth { tell(partition.knownHealth, partition.name) }
        }
        do {
            try broker.close()
        } catch {
            throw CommandFailure("the log did not close cleanly", place: directory, error)
        }
    }
}

/// A word as a shell takes it, quoted only where it must be.
package func shellWord(_ text: String) -> String {
    let isPlain = text.utf8.allSatisfy { byte in
        (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte)
            || "/._-+,:@%=".utf8.contains(byte)
    }
    guard !isPlain || text.isEmpty else { return text }
    return "'"
        + text.split(separator: "'", omittingEmptySubsequences: false)
        .joined(separator: "'\\''") + "'"
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
        case .noDirectory:
            self.init(
                "there is no data directory",
                place: directory,
                reason: "no folder is there, or an empty one",
                next: "millrace topic create NAME --partitions N --data \(shellWord(directory))"
            )
        case .kafkaDirectory:
            self.init(
                KafkaDirectoryRefusal.what,
                place: directory,
                reason: KafkaDirectoryRefusal.reason,
                next: KafkaDirectoryRefusal.next(for: shellWord(directory))
            )
        case .foreignDirectory:
            self.init(
                "this folder is no data directory",
                place: directory,
                reason: "it holds files that Millrace did not write",
                next: "give another --data: a folder that is empty, or does not exist yet"
            )
        default:
            self.init("the data directory does not open", place: directory, error)
        }
    }

    /// What went wrong, in the log's words, with the command that helps next.
    package init(_ what: String, place: String, _ error: BrokerError) {
        let next: String? =
            switch error {
            case .corrupt, .readOnly, .offline: "millrace log verify"
            case .full: "free some space; nothing needs a restart"
            case .kafkaDirectory(let path): KafkaDirectoryRefusal.next(for: shellWord(path))
            case .directoryInUse, .noDirectory, .foreignDirectory, .otherFormat, .refused,
                .offsetOutOfRange, .bufferTooSmall, .closed, .disk, .tooLong:
                nil
            }
        self.init(what, place: place, reason: error.description, next: next)
    }
}
