import StateStores
import Streams
import StreamsRuntime
import Threads

/// A job as those see it who watch its process.
final class WatchedJob: Sendable {
    enum State: String, Sendable {
        /// Its stores are being brought up to their changelogs.
        case restoring
        case running
        /// It was asked to stop, or one of its threads failed.
        case stopping
    }

    let specification: TopologySpecification
    let partitionCounts: [String: Int32]
    let progress: [ThreadProgress]
    let memory: MemoryBudget
    private let stopSwitch: StopSwitch
    private let isRestored = Lock(false)

    init(_ application: StreamsApplication) {
        specification = application.topology.specification
        partitionCounts = application.plan.partitionCounts
        progress = application.progress
        memory = application.memory
        stopSwitch = application.stopSwitch
    }

    var state: State {
        if stopSwitch.isRequested { return .stopping }
        return isRestored.withLock { $0 } ? .running : .restoring
    }

    /// Its stores are whole: it begins to process.
    func noteRestored() { isRestored.withLock { $0 = true } }
}
