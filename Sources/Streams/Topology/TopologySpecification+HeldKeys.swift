extension TopologySpecification {
    /// What to tell of a store's name that two operators use, where one of them keeps held keys
    /// there: nobody gave it that name.
    func clashOfHeldKeys(_ store: String) -> TopologyError? {
        let namesakes = subtopologies.flatMap(\.stores).filter { $0.name == store }
        guard namesakes.contains(where: \.isOfHeldKeys) else { return nil }
        let name = String(store.dropLast(StoreSpecification.heldKeysSuffix.count))
        let isTopic = subtopologies.contains { $0.externalTopics.contains(name) }
        let isRepartition = subtopologies.contains { $0.repartitions.contains(name) }
        if isTopic, isRepartition {
            return TopologyError(
                "the held keys of the topic \"\(name)\" and those of the repartition \"\(name)\" "
                    + "(via:) would lie in one store, \"\(store)\": give the repartition another "
                    + "name"
            )
        }
        return TopologyError(
            "the held keys of the \(isTopic ? "topic" : "repartition") \"\(name)\" lie in the "
                + "store \"\(store)\", and an operator keeps its own in a store of that name: "
                + "give the operator's store another name"
        )
    }
}
