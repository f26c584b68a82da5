import LogModel
import LogStorage
import Streams
import Telemetry
import Terminal

/// Whether something is wrong, and what.
struct WatchHealth: Equatable, Sendable {
    var reasons: [String] = []
    /// Why nobody should count on the process yet, or any more; nil where it does all it is for.
    var unreadiness: String?

    private static let namedLimit = 10

    init(_ sample: WatchSample) {
        for item in sample.troubled.prefix(Self.namedLimit) {
            switch item.trouble {
            case .offline(let reason): reasons.append("\(item.partition) is offline: \(reason)")
            case .damaged(let reason): reasons.append("\(item.partition) is damaged: \(reason)")
            case .readOnly(let reason):
                reasons.append("\(item.partition) takes no more: \(reason)")
            }
        }
        let counts = sample.partitions
        let rest = counts.offline + counts.damaged + counts.readOnly - Self.namedLimit
        if rest > 0 { reasons.append("\(counted(rest, "more partition")) like that") }
        if let free = sample.freeByteCount, free < sample.reservedByteCount {
            reasons.append(
                "the disk is full: \(counted(Int(free), "byte")) free, "
                    + "\(grouped(Int(sample.reservedByteCount))) reserved"
            )
        }
        guard let job = sample.job else { return }
        let name = job.specification.job
        if let trouble = job.troubles.first { reasons.append("the job \(name) waits: \(trouble)") }
        switch job.state {
        case .running: return
        case .restoring: unreadiness = "the job \(name) restores its stores"
        case .stopping:
            unreadiness = "the job \(name) stops"
            reasons.append("the job \(name) stops")
        }
    }

    var isHealthy: Bool { reasons.isEmpty }

    /// `{"status":"ok","reasons":[]}`.
    var json: String {
        "{\"status\":\"\(isHealthy ? "ok" : "failing")\",\"reasons\":\(jsonList(reasons))}"
    }

    /// `{"status":"ready","reasons":[]}`.
    var readinessJSON: String {
        let list = jsonList([unreadiness].compactMap(\.self))
        return "{\"status\":\"\(unreadiness == nil ? "ready" : "not ready")\",\"reasons\":\(list)}"
    }
}

/// Texts as a JSON array.
func jsonList(_ texts: [String]) -> String {
    "[" + texts.map(jsonString).joined(separator: ",") + "]"
}
