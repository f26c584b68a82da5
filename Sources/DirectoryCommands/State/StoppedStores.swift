import Broker
import DirectoryAccess
import LogModel
import LogStorage
import Streams
import StreamsRuntime
import Terminal

/// The stores that stopped jobs have left in a data directory, held for reading: its lock keeps
/// jobs from starting until it is closed, and nothing is written.
struct StoppedStores {
    private let directory: String
    private let lock: (any DiskLock)?
    /// Every store of every job, by job, name and partition.
    let stores: [StoredStore]

    init(_ directory: String) throws(CommandFailure) {
        let held: (any DiskLock)?
        do throws(LogStorageError) {
            try DataDirectory.checkFormat(disk: PosixDisk(), path: directory)
            held = try DataDirectory.lockForReading(disk: PosixDisk(), path: directory)
        } catch { throw Self.failure(directory, error) }
        let found: [StoredStore]
        do throws(LogStorageError) { found = try Self.find(in: directory) } catch {
            held?.close()
            throw Self.failure(directory, error)
        }
        self.directory = directory
        lock = held
        stores = found
    }

    func close() { lock?.close() }

    private static func failure(_ directory: String, _ error: LogStorageError) -> CommandFailure {
        guard case .disk(.locked(_, let owner)) = error else {
            return CommandFailure(opening: directory, BrokerError(error, in: directory))
        }
        return CommandFailure(
            "the stores are in use",
            place: directory,
            reason: "the directory belongs to \(owner), and a store is not read while its job may "
                + "write to it",
            next: "stop that process first (its last commit is then in the stores), or read the "
                + "changelog beside it: millrace consume JOB-STORE-changelog --data "
                + shellWord(directory)
        )
    }

    // MARK: Finding

    private static func find(in directory: String) throws(LogStorageError) -> [StoredStore] {
        let state = StateFolder.path(in: directory)
        let topics = try DataDirectory.topics(disk: PosixDisk(), path: directory)
        let definitions = Dictionary(uniqueKeysWithValues: topics.map { ($0.name, $0) })
        let ends = try DataDirectory.ends(disk: PosixDisk(), path: directory)
        var found: [StoredStore] = []
        for job in Folder.names(in: state).sorted() where !job.contains("~") {
            let names = InternalNames(job: job)
            let topology = StoredTopology.read(job, in: state)
            let known = topology.map(Self.forms) ?? [:]
            let folder = "\(state)/\(job)"
            for (name, part) in Self.folders(in: folder) {
                let topic = definitions[names.changelogTopic(store: name)]
                let label = topic?.options[TopicLabel.formatOption]
                var store = StoredStore(
                    job: job,
                    name: name,
                    part: part,
                    path: "\(folder)/\(name)\(part.suffix)",
                    format: label.flatMap { StoreFormat(word: $0) } ?? known[name]?.format
                )
                if case .partition(let index) = part, let topic {
                    store.changelog = TopicPartition(topic.name, index)
                    store.changelogID = topic.id
                    store.changelogEnd = ends[TopicPartition(topic.name, index)]
                }
                found.append(store)
            }
            let there = Set(found.filter { $0.job == job }.map(\.name))
            for (name, form) in known.sorted(by: { $0.key < $1.key }) where !there.contains(name) {
                found.append(
                    StoredStore(
                        job: job,
                        name: name,
                        part: form.isInMemory ? .memory : .missing,
                        path: folder,
                        format: form.format
                    )
                )
            }
        }
        return found
    }

    /// The stores of a topology by their names.
    private static func forms(
        _ topology: TopologySpecification
    ) -> [String: (format: StoreFormat, isInMemory: Bool)] {
        var forms: [String: (format: StoreFormat, isInMemory: Bool)] = [:]
        for store in topology.subtopologies.flatMap(\.stores) {
            forms[store.name] = (store.format, store.isInMemory)
        }
        for item in topology.operators {
            guard case .globalTable(_, let key, let value, let store) = item.kind else { continue }
            let layout = StoreLayout.global.rawValue
            forms[store] = (StoreFormat(layout, key: key, value: value), false)
        }
        return forms
    }

    /// The stores of a job's folder, `<store>-<partition>` and `<store>~global-<thread>`.
    private static func folders(in path: String) -> [(String, StoredStore.Part)] {
        var found: [(String, StoredStore.Part)] = []
        for folder in Folder.names(in: path) {
            guard let dash = folder.lastIndex(of: "-"),
                let number = Int32(folder[folder.index(after: dash)...]), number >= 0,
                Folder.isFolder("\(path)/\(folder)")
            else { continue }
            let name = String(folder[..<dash])
            if name.hasSuffix("~global") {
                found.append((String(name.dropLast("~global".count)), .thread(number)))
            } else {
                found.append((name, .partition(PartitionIndex(number))))
            }
        }
        return found.sorted { ($0.0, $0.1.number) < ($1.0, $1.1.number) }
    }

    // MARK: Choosing

    /// The parts of one store that lie on disk.
    func require(
        _ name: String,
        job: String?,
        partition: Int?
    ) throws(CommandFailure) -> [StoredStore] {
        let named = stores.filter { $0.name == name && (job ?? $0.job) == $0.job }
        guard let first = named.first else { throw missing(name, job) }
        let jobs = Set(named.map(\.job)).sorted()
        guard jobs.count == 1 else {
            throw CommandFailure(
                "several jobs have a store '\(name)'",
                place: directory,
                reason: "they are \(jobs.joined(separator: ", "))",
                next: "give one of them to --job"
            )
        }
        let list = nextCommand("state list", data: directory)
        switch first.part {
        case .memory:
            throw CommandFailure(
                "the store '\(name)' has nothing on disk",
                place: directory,
                reason: "the job \(first.job) keeps it in memory alone; what it holds is in its "
                    + "changelog",
                next: nextCommand(
                    "consume \(argument: first.changelogName) --until-end",
                    data: directory
                )
            )
        case .missing:
            throw CommandFailure(
                "the store '\(name)' is not there",
                place: directory,
                reason: "the job \(first.job) makes it anew of its changelog at its next start",
                next: list
            )
        case .partition, .thread: break
        }
        // Every thread has the same copy of a global table.
        if case .thread = first.part { return [first] }
        guard let partition else { return named }
        let chosen = named.filter { $0.part.number == Int32(clamping: partition) }
        guard !chosen.isEmpty else {
            throw CommandFailure(
                "the store '\(name)' has no partition \(partition)",
                place: directory,
                next: list
            )
        }
        return chosen
    }

    private func missing(_ name: String, _ job: String?) -> CommandFailure {
        let names = stores.filter { (job ?? $0.job) == $0.job }.map(\.name)
        if let job, names.isEmpty {
            return CommandFailure(
                "the job '\(job)' has no stores here",
                place: directory,
                reason: reason(ofNoStoresFor: job),
                next: nextCommand("state list", data: directory)
            )
        }
        let hint = Suggestion.nearest(to: name, among: Set(names).sorted())
        return CommandFailure(
            job.map { "the job \($0) has no store '\(name)'" } ?? "there is no store '\(name)'",
            place: directory,
            reason: hint.map { "did you mean '\($0)'?" } ?? (names.isEmpty ? jobsThatHave : nil),
            next: nextCommand("state list", data: directory)
        )
    }

    /// Why nothing is found for a job of this name: which ones have left stores.
    func reason(ofNoStoresFor job: String) -> String {
        let hint = Suggestion.nearest(to: job, among: Set(stores.map(\.job)).sorted())
        return hint.map { "did you mean '\($0)'?" } ?? jobsThatHave
    }

    private var jobsThatHave: String {
        let jobs = Set(stores.map(\.job)).sorted()
        guard !jobs.isEmpty else { return "no job has left stores here" }
        return "\(counted(jobs.count, "job")) left stores here: \(jobs.joined(separator: ", "))"
    }
}
