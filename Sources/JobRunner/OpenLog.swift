package import Broker
package import EmbeddedClient
import Glibc
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
                "there is no data directory", place: directory, reason: "the folder does not exist",
                next: "millrace topic create NAME --partitions N --data \(directory)")
        }
        do {
            broker = try Broker.open(disk: PosixDisk(), directory: directory)
        } catch {
            throw CommandFailure(opening: directory, error)
        }
        client = EmbeddedClient(broker: broker)
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
    init(opening directory: String, _ error: BrokerError) {
        switch error {
        case .directoryInUse(_, let owner):
            self.init(
                "the data directory is in use", place: directory, reason: "it belongs to \(owner)",
                next: "wait for that process or stop it, or give another --data")
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
