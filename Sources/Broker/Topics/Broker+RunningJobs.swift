import Coordination
import LogModel
import Threads

/// What somebody of this process counts on, by its group.
struct LiveGroup: Sendable {
    /// The topics whose positions it has asked for.
    var read: Set<String> = []
    /// The topics that it has said it writes to.
    var written: Set<String> = []
}

/// What a running job needs of the log: the one place that says so.
extension Broker {
    /// Notes that a job of this process writes to these topics, as long as the process lives.
    package func noteOutputs(_ topics: Set<String>, of job: String) {
        liveGroups.withLock { $0[ExactText(job), default: LiveGroup()].written.formUnion(topics) }
    }

    /// The job that reads a topic while it runs; nil where none does.
    func runningJob(reading topic: String) -> ExactText? {
        runningJob(where: { $0.read.contains(topic) })
    }

    /// Why a topic cannot go now; nil where no running job needs it.
    package func refusalToDelete(_ topic: String) -> BrokerError? {
        let reader = runningJob(reading: topic)
        guard let job = reader ?? runningJob(where: { $0.written.contains(topic) }) else {
            return nil
        }
        return .refused(
            .policyViolation,
            "Topic '\(topic)' is \(reader == nil ? "written" : "read") by \(job), which runs and "
                + "would end without it: stop it, and delete the topic then."
        )
    }

    private func runningJob(where needs: (LiveGroup) -> Bool) -> ExactText? {
        liveGroups.withLock { groups in groups.filter { needs($0.value) }.keys.min() }
    }
}
