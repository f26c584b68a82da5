import StreamsRuntime
import Telemetry
import Terminal

extension DeploymentPlan {
    /// A line for each thing, the worst first, and what that amounts to.
    var text: String {
        var table = Table(("VERDICT", .left), ("WHAT", .left), ("NAME", .left), ("", .left))
        for item in items {
            table.add(item.verdict.rawValue, item.subject.rawValue, item.name, item.reason)
        }
        let counts = Verdict.allCases.compactMap { verdict -> String? in
            let count = items.count { $0.verdict == verdict }
            return count == 0 ? nil : "\(count) to \(verdict.rawValue)"
        }
        let outcome = isCompatible ? "the job \(job) starts" : "the job \(job) is refused"
        return table.text + "\n\(outcome): \(counts.joined(separator: ", "))\n"
    }

    /// One JSON object: `job`, `compatible`, `items` [`verdict`, `what`, `name`, `topic`,
    /// `reason`].
    var json: String {
        let items = items.map { item in
            let fields = [
                ("verdict", jsonString(item.verdict.rawValue)),
                ("what", jsonString(item.subject.rawValue)), ("name", jsonString(item.name)),
                ("topic", item.topic.map(jsonString) ?? "null"),
                ("reason", jsonString(item.reason)),
            ]
            return "{" + fields.map { "\"\($0)\":\($1)" }.joined(separator: ",") + "}"
        }
        return "{\"job\":\(jsonString(job)),\"compatible\":\(isCompatible),"
            + "\"items\":[\(items.joined(separator: ","))]}\n"
    }
}
