extension TopologySpecification {
    /// The topology for people: a block for each sub-topology, a line for each operator; with the
    /// partitions of those topics whose number is known.
    public func text(_ partitionCounts: [String: Int32] = [:]) -> String {
        var lines = ["job \(job)"]
        for subtopology in subtopologies {
            lines.append("")
            let tasks = subtopology.globalTable == nil ? "" : ", in every task"
            lines.append("sub-topology \(subtopology.id)\(tasks)")
            for item in operators where item.subtopology == subtopology.id {
                let from =
                    item.parents.isEmpty
                    ? "" : " <- " + item.parents.map { "[\($0)]" }.joined(separator: ", ")
                let label = label(of: item.kind) + Self.spelled(partitionCounts[topic(of: item)])
                lines.append("  [\(item.id)] \(label)\(from)")
            }
            for store in subtopology.stores {
                let place = store.isInMemory ? ", in memory" : ""
                let changelog = names.changelogTopic(store: store.name)
                lines.append(
                    "  store \(store.name)\(place), changelog \(changelog)"
                        + "\(Self.spelled(partitionCounts[changelog])): \(store.words)"
                )
            }
            if let table = subtopology.globalTable {
                lines.append("  store \(table.store), a copy of \(table.topic) in every thread")
            }
        }
        if !deadLetterTopics.isEmpty {
            lines += ["", "dead letters to \(deadLetterTopics.joined(separator: ", "))"]
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func spelled(_ partitionCount: Int32?) -> String {
        partitionCount.map { $0 == 1 ? ", 1 partition" : ", \($0) partitions" } ?? ""
    }

    /// The topic of an operator; no name where it has none.
    private func topic(of item: Operator) -> String {
        if case .globalTable(let topic, _, _, _) = item.kind { return topic }
        return inputTopic(of: item.kind) ?? outputTopic(of: item.kind) ?? ""
    }

    /// The topology as a Mermaid flow chart.
    public func mermaid(_ partitionCounts: [String: Int32] = [:]) -> String {
        var lines = ["flowchart TD"]
        for subtopology in subtopologies {
            lines.append("  subgraph s\(subtopology.id)[\"sub-topology \(subtopology.id)\"]")
            for item in operators where item.subtopology == subtopology.id {
                let label = label(of: item.kind) + Self.spelled(partitionCounts[topic(of: item)])
                lines.append("    n\(item.id)[\"\(label)\"]")
            }
            lines.append("  end")
        }
        for item in operators {
            for parent in item.parents { lines.append("  n\(parent) --> n\(item.id)") }
            if let topic = outputTopic(of: item.kind),
                let reader = operators.first(where: { inputTopic(of: $0.kind) == topic })
            {
                lines.append("  n\(item.id) -.-> n\(reader.id)")
            }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// The topology as one JSON object: `job`, `subtopologies` [`id`, `topics`, `repartitions`,
    /// `stores`, `operators` [`id`, `kind`, `parents`, and `topic`, `partitions` or `stores` where
    /// they are known]], `changelogs` [`store`, `topic`, `format`, and `partitions`,
    /// `rowsEndAfterMilliseconds`, `idleAfterMilliseconds` where there are such].
    public func json(_ partitionCounts: [String: Int32] = [:]) -> String {
        let parts = subtopologies.map { subtopology in
            let items = operators.filter { $0.subtopology == subtopology.id }.map { item in
                var fields = [
                    "\"id\":\(item.id)", "\"kind\":\(Self.quote(item.kind.word))",
                    "\"parents\":[\(item.parents.map(String.init).joined(separator: ","))]",
                ]
                if let topic = inputTopic(of: item.kind) ?? outputTopic(of: item.kind) {
                    fields.append("\"topic\":\(Self.quote(topic))")
                }
                if let count = partitionCounts[topic(of: item)] {
                    fields.append("\"partitions\":\(count)")
                }
                switch item.kind {
                case .stateful(_, let stores):
                    fields.append("\"stores\":\(Self.list(stores.map(\.name)))")
                case .globalTable(let topic, _, _, let store):
                    fields.append("\"topic\":\(Self.quote(topic))")
                    fields.append("\"stores\":\(Self.list([store]))")
                default: break
                }
                return "{\(fields.joined(separator: ","))}"
            }
            return "{\"id\":\(subtopology.id),\"topics\":\(Self.list(subtopology.externalTopics)),"
                + "\"repartitions\":\(Self.list(subtopology.repartitions)),"
                + "\"stores\":\(Self.list(subtopology.stores.map(\.name))),"
                + "\"operators\":[\(items.joined(separator: ","))]}"
        }
        let changelogs = subtopologies.flatMap(\.stores).map { store in
            let topic = names.changelogTopic(store: store.name)
            var fields = [
                "\"store\":\(Self.quote(store.name))", "\"topic\":\(Self.quote(topic))",
                "\"format\":\(Self.quote(store.format.word))",
            ]
            if let count = partitionCounts[topic] { fields.append("\"partitions\":\(count)") }
            if let expiry = store.expiry {
                fields.append("\"rowsEndAfterMilliseconds\":\(expiry.life)")
                if let idle = expiry.idleAfter {
                    fields.append("\"idleAfterMilliseconds\":\(idle)")
                }
            }
            return "{\(fields.joined(separator: ","))}"
        }
        return "{\"job\":\(Self.quote(job)),\"subtopologies\":[\(parts.joined(separator: ","))],"
            + "\"changelogs\":[\(changelogs.joined(separator: ","))]}\n"
    }

    func label(of kind: OperatorKind) -> String {
        switch kind {
        case .source(let topic, let key, let value): "source \(topic) (\(key), \(value))"
        case .repartitionSource(let via): "source \(names.repartitionTopic(via: via))"
        case .globalTable(let topic, let key, let value, let store):
            "global table \(topic) (\(key), \(value)) in \(store)"
        case .stateless(let word): word
        case .stateful(let word, let stores):
            "\(word) in \(stores.map(\.name).joined(separator: ", "))"
        case .sink(let topic, let key, let value): "sink \(topic) (\(key), \(value))"
        case .dynamicSink(let topics, let key, let value):
            "sink \(topics.isEmpty ? "by record" : topics.joined(separator: ", ")) "
                + "(\(key), \(value))"
        case .repartitionSink(let via, _, _): "repartition \(names.repartitionTopic(via: via))"
        }
    }

    private static func list(_ names: [String]) -> String {
        "[\(names.map(quote).joined(separator: ","))]"
    }

    /// Text as JSON has it. Names hold only letters, digits and . _ - (checked), formats' words no
    /// control characters.
    private static func quote(_ text: String) -> String {
        var quoted = "\""
        for character in text.unicodeScalars {
            if character == "\"" || character == "\\" { quoted += "\\" }
            quoted.unicodeScalars.append(character)
        }
        return quoted + "\""
    }
}
