import LogClient
import LogModel
import Streams

extension OutputRules {
    /// What a topic takes. Where the log does not say, it refuses by itself, and the job stops.
    /// Commands reach the log by `commandOptions`.
    init(of topic: String, in client: any LogClient, commandOptions: String) {
        let options = (try? client.topics(named: [topic]))?.first?.configuration ?? [:]
        let limit = options["max.message.bytes"].flatMap { Int($0) }
        let policies = options["cleanup.policy"]?.split(separator: ",") ?? []
        self.init(
            batchByteLimit: limit ?? BatchLimit.defaultByteCount,
            requiresKeys: policies.contains { $0.drop { $0 == " " } == "compact" }
        )
        self.commandOptions = commandOptions
    }
}
