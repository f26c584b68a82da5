import Broker
import DirectoryAccess
import Foundation
import FoundationErrors
import KafkaDirectory
import LogModel
import LogStorage
import Terminal

/// `millrace log import`.
enum ImportCommand {
    private static let data = DataDirectoryOption.parameter
    private static let source = Parameter.argument(
        ValueKind.path("KAFKA-DIR"),
        help: "a folder of Kafka's log.dirs; it is read and never written"
    )
    private static let topics = Parameter.optional(
        "topics",
        .text("NAME,…"),
        help: "only these topics"
    )
    private static let raw = Parameter.flag(
        "raw",
        help: "batches as they lie, with transactions, markers and producer ids"
    )
    private static let configuration = Parameter.repeated(
        "config",
        .pair("TOPIC:NAME=VALUE"),
        help: "an option for one of the topics, such as orders:retention.ms=-1"
    )

    static let command = Command(
        "import",
        summary: "bring the topics of a Kafka broker's directory over",
        discussion: "The broker must not be running. Offsets, times, headers and the positions of "
            + "groups stay as they are. Without --raw, what a read_committed consumer sees comes "
            + "over.",
        parameters: [
            source.declaration, topics.declaration, raw.declaration, configuration.declaration,
            data.declaration,
        ],
        examples: [
            .init("millrace log import /var/lib/kafka --data ./data", "all topics"),
            .init(
                "millrace log import /var/lib/kafka --topics a,b --config a:retention.ms=-1",
                "two topics, one kept for ever"
            ),
        ],
        exits: [.init("1", "there was damage, or the work failed")]
    ) { invocation in
        let request = try ImportRequest(
            topics: invocation[topics],
            isRaw: invocation[raw],
            options: invocation[configuration]
        )
        let directory = invocation[source]
        let report = try bring(directory, to: invocation[data], request)
        TextOutput.error.write(report.warnings)
        TextOutput.standard.write(report.text(isRaw: request.isRaw))
        return report.isDamaged ? .failed : .done
    }

    private static func bring(
        _ directory: String,
        to target: String,
        _ request: ImportRequest
    ) throws -> ImportReport {
        let signals = try SignalListener.start()
        let source = try open(directory)
        let before = try names(in: target)
        if try check(target, against: directory) != .ours {
            // What makes no sense is refused before a directory is made for it.
            _ = try ImportPlan(
                directory: source,
                request: request,
                existing: [],
                makeID: Broker.randomID
            )
        }
        let log = try OpenLog(target, creates: true)
        let running = KafkaImport(
            source: source,
            log: log,
            request: request,
            time: SystemTimeSource()
        )
        signals.onRequest { running.requestStop() }
        var bar = ProgressBar("partitions imported")
        let result = Result { try running.run { bar.update(done: $0, total: $1) } }
        bar.finish()
        let closing = Result { try log.close() }
        do {
            let report = try result.get()
            try closing.get()
            return report
        } catch {
            NewDirectory(path: target, before: before).removeIfUnused()
            if let failure = error as? CommandFailure { throw failure }
            if error is ImportStopped {
                throw CommandFailure(
                    "the import was stopped; the topics that it had begun were removed",
                    place: target,
                    reason: "an import brings all of its topics or none",
                    next: "the same command begins anew"
                )
            }
            throw CommandFailure(
                "the import failed; the topics that it had begun were removed",
                place: directory,
                reason: reason(of: error, directory, target)
            )
        }
    }

    /// The names in a folder before the import; nil where there is none.
    private static func names(in folder: String) throws(CommandFailure) -> [String]? {
        do throws(DiskError) {
            let disk = PosixDisk()
            return try disk.kind(of: folder) == .directory ? try disk.list(folder) : nil
        } catch {
            throw CommandFailure("--data cannot be used", place: folder, reason: error.words)
        }
    }

    /// Opens Kafka's directory for reading.
    static func open(_ directory: String) throws(CommandFailure) -> KafkaDirectory {
        do throws(KafkaDirectoryError) {
            return try KafkaDirectory.open(disk: PosixDisk(), path: directory)
        } catch {
            throw CommandFailure(
                "this Kafka directory cannot be read",
                place: directory,
                reason: error.description,
                next: nextStep(after: error)
            )
        }
    }

    private static func nextStep(after error: KafkaDirectoryError) -> String? {
        if case .brokerIsRunning = error { return "stop the broker, or copy its directory first" }
        return nil
    }

    private enum Target {
        case new
        case ours
    }

    /// The target is a folder for a log of ours, and no part of Kafka's.
    private static func check(
        _ target: String,
        against source: String
    ) throws(CommandFailure) -> Target {
        let kind: DirectoryKind
        do throws(DiskError) { kind = try DirectoryKind.of(target, on: PosixDisk()) } catch {
            throw CommandFailure("--data cannot be used", place: target, reason: error.words)
        }
        let (from, to) = (resolved(source), resolved(target))
        let isInside = to == from || to.hasPrefix(from + "/")
        if isInside || kind == .kafka {
            throw CommandFailure(
                "--data lies in a directory of Kafka's, which is never written to",
                place: target,
                next: KafkaDirectoryRefusal.next(for: shellPath(source))
            )
        }
        if kind == .other {
            throw CommandFailure(
                "--data holds files of somebody else",
                place: target,
                reason:
                    "an import takes an absent or empty folder, or a data directory of Millrace",
                next: KafkaDirectoryRefusal.next(for: shellPath(source))
            )
        }
        return kind == .absent || kind == .empty ? .new : .ours
    }

    /// The path without links, also of a folder that does not exist yet.
    private static func resolved(_ path: String) -> String {
        var url = URL(filePath: path).absoluteURL.standardizedFileURL
        var missing: [String] = []
        while url.path != "/", !FileManager.default.fileExists(atPath: url.path) {
            missing.append(url.lastPathComponent)
            url.deleteLastPathComponent()
        }
        let there = url.resolvingSymlinksInPath()
        return missing.reversed().reduce(there) { $0.appending(path: $1) }.path
    }

    private static func reason(of error: any Error, _ source: String, _ target: String) -> String {
        switch error {
        case let error as BrokerError: error.description
        case let error as KafkaDirectoryError: error.description
        case let error as DiskError: error.words
        case let error as LogStorageError: BrokerError(error, in: target).description
        case let error as RecordBatchError: error.description
        default: systemWords(of: error)
        }
    }
}
