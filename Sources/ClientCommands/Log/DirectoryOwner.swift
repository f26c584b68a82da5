import Broker
package import DirectoryAccess
import Glibc
import KafkaClient
package import Terminal

/// Who has a data directory: nobody, and then this process takes it; or another process, which is
/// talked to where it listens.
package enum DirectoryOwner {
    package enum Outcome {
        case opened(OpenLog)
        case served(ServedLog)
    }

    /// An owner that starts listens soon, one that ends is gone soon, and most commands that open
    /// a directory for themselves are done soon.
    private static let patience = Duration.seconds(6)
    /// What takes longer is told.
    private static let quiet = Duration.seconds(2)
    private static let pauseMicroseconds: UInt32 = 50_000

    package static func log(
        of place: LogPlace,
        creates: Bool,
        _ signals: SignalListener?
    ) throws(CommandFailure) -> Outcome {
        switch place {
        case .cluster: return .served(try ServedLog(at: place, signals))
        case .directory(let directory):
            return try log(in: directory, creates: creates, signals)
        }
    }

    private static func log(
        in directory: String,
        creates: Bool,
        _ signals: SignalListener?
    ) throws(CommandFailure) -> Outcome {
        let begin = ContinuousClock.now
        var hasToldOfWait = false
        while true {
            let refusal: BrokerError
            do throws(BrokerError) {
                return .opened(try OpenLog(opening: directory, creates: creates))
            } catch { refusal = error }
            guard case .directoryInUse(_, let owner) = refusal else {
                throw CommandFailure(opening: directory, refusal)
            }
            let address = KafkaAddress.local(
                folder: OwnerAddresses.folder(in: directory),
                name: OwnerAddresses.socketName
            )
            do throws(KafkaClientError) {
                return .served(try ServedLog(owner: address, of: directory, signals))
            } catch {
                // Who listens says so behind its name; nothing else ever will.
                let listens = owner.contains("(")
                let waited = ContinuousClock.now - begin
                guard error.isRetriable, waited < patience, signals?.request == nil else {
                    throw failure(directory, owner, listens ? error : nil)
                }
                if waited > quiet, !hasToldOfWait {
                    hasToldOfWait = true
                    TextOutput.error.write(
                        "note: waits for \(visible(owner)), which has \(visible(directory)) open\n"
                    )
                }
            }
            usleep(pauseMicroseconds)
        }
    }

    private static func failure(
        _ directory: String,
        _ owner: String,
        _ error: KafkaClientError?
    ) -> CommandFailure {
        var failure = CommandFailure(
            opening: directory,
            .directoryInUse(directory: directory, owner: owner)
        )
        if let error { failure.reason = "it belongs to \(owner), and \(error)" }
        if let address = OwnerAddresses.network(of: owner, in: directory) {
            failure.next =
                "give --bootstrap \(address) instead of --data: that process listens "
                + "there"
        }
        return failure
    }
}
