package import Broker
import Glibc
package import LogModel
import LogStorage
package import Terminal

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
                    + (["produce", "consume"].contains { owner.contains($0) }
                        ? "; most commands work beside each other while "
                            + "'\(nextCommand("serve", data: directory))' has it open" : "")
            )
        case .noDirectory:
            self.init(
                "there is no data directory",
                place: directory,
                reason: "no folder is there, or an empty one",
                next: nextCommand("topic create NAME --partitions N", data: directory)
            )
        case .kafkaDirectory(let kafkas):
            self.init(
                kafkas == directory
                    ? KafkaDirectoryRefusal.what : KafkaDirectoryRefusal.whatInside,
                place: kafkas,
                reason: KafkaDirectoryRefusal.reason,
                next: KafkaDirectoryRefusal.next(for: shellPath(kafkas))
            )
        case .foreignDirectory:
            self.init(
                "this folder is no data directory",
                place: directory,
                reason: "it holds files that Millrace did not write",
                next: "give another --data: a folder that is empty, or does not exist yet"
            )
        default:
            self.init("the data directory does not open", place: directory, data: directory, error)
            switch error {
            case .disk:
                next =
                    Self.nextWithoutDescriptors(reason)
                    ?? "look at the path and its rights, or give another --data"
            // Nothing is wrong with what lies there, though the directory may be half made.
            case .full, .undecided: break
            default: next = Self.nextWithoutTopics(in: directory) ?? next
            }
        }
    }

    /// What helps where the table of topics does not load; nil where it does. Neither opening nor
    /// verifying gets further.
    package static func nextWithoutTopics(in directory: String) -> String? {
        do throws(LogStorageError) {
            _ = try DataDirectory.topics(disk: PosixDisk(), path: directory)
            return nil
        } catch .corrupt {
            return "put \(shellWord("\(directory)/millrace.topics")) back from a copy of the "
                + "directory; until then, what the partitions hold is printed by "
                + nextCommand("log dump --records", data: directory)
        } catch { return nil }
    }

    /// What helps where the system opens no more files: of the log as of RocksDB, whose stores keep
    /// some files each. Nil for any other reason.
    static func nextWithoutDescriptors(_ reason: String?) -> String? {
        let words = [EMFILE, ENFILE].map { String(cString: strerror($0)) }
        guard let reason, words.contains(where: reason.contains) else { return nil }
        return "allow more open files (ulimit -n 65536)" + sameCommand
    }

    private static let sameCommand = ", then the same command"
    private static let startedAgain =
        ": what runs goes on by itself, what has ended is started again"

    /// The ends of next steps that have a command given again as it was.
    package static let repeatingEnds = [sameCommand, startedAgain]

    /// What helps where a directory's file system has no room, for this reason; a full one may lack
    /// room for bytes, or for files, and a file may have all the size that it may have.
    static func freeSpace(for directory: String?, _ reason: String?) -> String {
        if let reason, reason.contains(String(cString: strerror(EFBIG))) {
            return
                "allow larger files (ulimit -f unlimited), or put the directory on a file system "
                + "that has them, and start again what was started with that limit"
        }
        let isOutOfFiles = directory.map { Folder.freeFileCount(at: $0) == 0 } ?? false
        let first =
            isOutOfFiles
            ? "remove some files, the file system has room for no other one (df -i "
                + "\(shellPath(directory ?? "")) counts them)" : "free some space"
        return first + startedAgain
    }

    /// What went wrong, in the log's words, with the command that helps next; `data` is the
    /// directory that it is for, `partition` the one that was used.
    package init(
        _ what: String,
        place: String,
        data: String,
        partition: TopicPartition? = nil,
        _ error: BrokerError
    ) {
        let next: String? =
            switch error {
            case .corrupt, .readOnly: nextCommand("log verify", data: data)
            case .offline:
                nextCommand(
                    partition.map { "topic describe \(argument: $0.topic)" } ?? "log verify",
                    data: data
                )
            case .full(let why), .undecided(let why): Self.freeSpace(for: data, why)
            case .kafkaDirectory(let path): KafkaDirectoryRefusal.next(for: shellPath(path))
            case .directoryInUse, .noDirectory, .foreignDirectory, .otherFormat, .refused,
                .offsetOutOfRange, .bufferTooSmall, .closed, .disk, .tooLong:
                nil
            }
        self.init(what, place: place, reason: error.description, next: next)
    }
}
