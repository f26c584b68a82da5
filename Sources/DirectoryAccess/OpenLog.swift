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
    private let openingNoteCount: Int

    /// Opens the log in `directory`. Where there is none, makes one only if `creates`.
    package init(
        _ directory: String,
        creates: Bool,
        configure: (inout BrokerConfiguration) -> Void = { _ in }
    ) throws(CommandFailure) {
        do throws(BrokerError) {
            try self.init(opening: directory, creates: creates, configure: configure)
        } catch { throw CommandFailure(opening: directory, error) }
    }

    /// The same, for who does something else where the directory is in use.
    package init(
        opening directory: String,
        creates: Bool,
        configure: (inout BrokerConfiguration) -> Void = { _ in }
    ) throws(BrokerError) {
        self.directory = directory
        var configuration = BrokerConfiguration()
        configure(&configuration)
        configuration.journal.openFileLimit = DescriptorBudget.kept(of: DescriptorBudget.raise())
        broker = try Broker.open(
            disk: PosixDisk(),
            directory: directory,
            configuration: configuration,
            creates: creates
        )
        client = EmbeddedClient(broker: broker)
        let notes = broker.notes
        openingNoteCount = notes.count
        for note in notes { Self.warn(note) }
        // A ledger that cannot be read is told by those who write.
        let unfinished = ((try? unfinishedImports()) ?? []).compactMap(\.id)
        broker.unfinishedTopics.withLock { $0 = Set(unfinished) }
        tellKnown()
    }

    private final class Told: Sendable {
        /// What was told last of each partition, by its topic's id.
        let health = Lock<[TopicIDPartition: PartitionHealth]>([:])
        let noteCount = Lock(0)
    }

    /// Says what became known since: of partitions that were opened or failed meanwhile, and of
    /// what goes on by itself. For a process that lives long.
    package func tellNews() {
        tellKnown()
        tellNotes()
    }

    private func tellNotes() {
        let notes = broker.notes
        let new = told.noteCount.withLock { count in
            defer { count = max(count, notes.count) }
            return notes.dropFirst(max(count, openingNoteCount))
        }
        for note in new { Self.warn(note) }
    }

    private func tellKnown() {
        let known = broker.topics().flatMap(\.partitions).map { ($0, $0.knownHealth) }
        // One that is being deleted meanwhile says that of itself.
        tell(known.filter { !$0.0.log.isRetired }.map { ($0.0.name, $0.1) })
    }

    /// Says what a person should know of each of these partitions, once until it is another thing.
    private func tell(_ partitions: [(name: TopicPartition, health: PartitionHealth)]) {
        var warnings = HealthWarnings(directory: directory)
        for (name, health) in partitions where health != .good {
            let topic = broker.topic(name.topic)
            guard let id = topic?.partitions.first(where: { $0.name == name })?.id,
                told.health.withLock({ $0.updateValue(health, forKey: id) }) != health
            else { continue }
            let isRelaxed = topic?.options["millrace.durability"] == "relaxed"
            warnings.add(health, of: name, isRelaxed: isRelaxed)
        }
        for line in warnings.lines { Self.warn(line) }
    }

    private static func warn(_ text: String) { TextOutput.error.write("warning: \(text)\n") }

    /// Opens the partitions that `matters` names and fails if one of them is damaged or offline:
    /// what cannot be seen of it must not pass for an end.
    package func requireIntact(
        _ matters: (TopicPartition) -> Bool
    ) throws(CommandFailure) {
        if let fault = faults(matters).first { throw fault.failure }
    }

    /// Opens the partitions and gives those that are damaged or offline, and why.
    package func faults(
        _ matters: (TopicPartition) -> Bool
    ) -> [(partition: TopicPartition, failure: CommandFailure)] {
        broker.check(matters).compactMap { partition, health in
            if case .cut = health { tell([(partition, health)]) }
            return failure(of: health, partition).map { (partition, $0) }
        }
    }

    /// Opens the partitions and gives those that can be read, at least up to damage; of the others
    /// the reason is told.
    package func readable(_ partitions: [TopicPartition]) -> [TopicPartition] {
        var readable: [TopicPartition] = []
        var others: [(name: TopicPartition, health: PartitionHealth)] = []
        for (partition, health) in broker.check({ partitions.contains($0) }) {
            if case .offline = health {
                others.append((partition, health))
            } else {
                readable.append(partition)
            }
        }
        tell(others)
        return readable
    }

    /// Why a partition is not whole; nil where it is.
    private func failure(
        of health: PartitionHealth,
        _ partition: TopicPartition
    ) -> CommandFailure? {
        let verify = nextCommand("log verify", data: directory)
        switch health {
        case .good, .cut: return nil
        case .damaged(let damage):
            return CommandFailure(
                damage.lacksBegin
                    ? "\(partition) lacks its begin"
                    : "\(partition) is damaged from offset \(damage.offset.rawValue) on",
                place: damage.lacksBegin
                    ? damage.file : "\(damage.file) at byte \(damage.position)",
                reason: damage.wayOut == nil
                    ? "\(damage.reason); its files have to be put back from a copy, or what cannot "
                        + "be read be given up: \(wayOn)"
                    : damage.reason,
                next: damage.wayOut ?? verify
            )
        case .readOnly(let reason):
            return CommandFailure(
                "\(partition) takes no more",
                place: directory,
                reason: reason,
                next: verify
            )
        case .offline(let reason):
            return CommandFailure(
                "\(partition) is offline",
                place: directory,
                reason: reason,
                next: nextCommand("topic describe \(argument: partition.topic)", data: directory)
            )
        }
    }

    /// What gives up all that is not there any more: without it each partition is what lies there.
    /// Who may log in, and what they may do, stays.
    private var wayOn: String {
        let own = "\(directory)/\(DataDirectory.ownFolder)"
        let kept = Set(DataDirectory.filesBesideLog)
        let names = (try? broker.disk.list(own)) ?? []
        let given = shellPath(freeName("\(own)-given-up"))
        guard names.contains(where: kept.contains) else { return "mv \(shellPath(own)) \(given)" }
        let going = names.filter { !kept.contains($0) }.map { shellPath("\(own)/\($0)") }
        return "mkdir \(given) && mv \(going.joined(separator: " ")) \(given)/"
    }

    /// The name itself, or with the first number behind it that nothing is called.
    private func freeName(_ name: String) -> String {
        var free = name
        var number = 1
        while (try? broker.disk.kind(of: free)) != nil {
            number += 1
            free = "\(name)-\(number)"
        }
        return free
    }

    /// The topics that an import which was killed has left half filled, of those that are there:
    /// by their ids, or by the name alone where an older program's ledger has no more.
    package func unfinishedImports() throws(CommandFailure) -> [ImportLedger.Entry] {
        let entries: [ImportLedger.Entry]
        do throws(LogStorageError) {
            entries = try ImportLedger(disk: broker.disk, directory: directory).entries()
        } catch {
            throw CommandFailure(
                "the data directory does not open",
                place: directory,
                data: directory,
                BrokerError(error, in: directory)
            )
        }
        return entries.filter { entry in
            guard let topic = broker.topic(entry.name) else { return false }
            return entry.id == nil || topic.id == entry.id
        }
    }

    /// Refuses to write to what an import that was killed has left half filled: the next import
    /// removes it. Of all topics for nil.
    package func refuseUnfinished(_ topics: Set<String>?) throws(CommandFailure) {
        let own = try unfinishedImports().first {
            $0.id != nil && topics?.contains($0.name) ?? true
        }
        guard let entry = own else { return }
        let delete = nextCommand("topic delete \(argument: entry.name)", data: directory)
        throw CommandFailure(
            "the topic '\(entry.name)' is not whole",
            place: directory,
            reason: "the import that made it was killed on its way; the next one begins it anew",
            next: "import again, or \(delete)"
        )
    }

    /// Flushes and gives the directory back. Says what the partitions have lost that were opened
    /// on the way.
    package func close() throws(CommandFailure) {
        for partition in broker.topics().flatMap(\.partitions) {
            let health = partition.knownHealth
            if case .cut = health { tell([(partition.name, health)]) }
        }
        tellNotes()
        do {
            try broker.close()
        } catch {
            throw CommandFailure(
                "the log did not close cleanly",
                place: directory,
                data: directory,
                error
            )
        }
    }
}
