package import Streams

/// Stores that a job takes up again which its last form did not have: they hold what forms before
/// that have put there, and nothing of what was processed meanwhile. Pure.
package struct LapsedStores {
    /// Their names, in the topology's order.
    package let names: [String]

    /// - Parameters:
    ///   - former: the job's topology as it was started last; nil where that is not known.
    ///   - isFilled: whether the topic of a changelog has records.
    package init(
        _ specification: TopologySpecification,
        former: TopologySpecification?,
        isFilled: (_ topic: String) throws -> Bool
    ) rethrows {
        guard let former else {
            names = []
            return
        }
        let known = Set(former.subtopologies.flatMap(\.stores).map(\.name))
        names = try specification.subtopologies.flatMap(\.stores)
            .filter { store in
                try !known.contains(store.name) && !store.isOfHeldKeys
                    && isFilled(specification.names.changelogTopic(store: store.name))
            }
            .map(\.name)
    }

    /// A sentence for each.
    package func notes(commandOptions: String) -> [String] {
        names.map { name in
            "the store \"\(name)\" was not in the job's last form, and goes on as it was: what was "
                + "processed since is not counted in. millrace run JOB --reset \(commandOptions) "
                + "begins with the first record"
        }
    }
}
