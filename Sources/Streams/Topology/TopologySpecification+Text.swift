extension TopologySpecification {
    /// The topology for people: a block for each sub-topology, a line for each operator.
    public var text: String {
        var lines = ["job \(job)"]
        for subtopology in subtopologies {
            lines.append("")
            let tasks = subtopology.globalTable == nil ? "" : ", in every task"
            lines.append("sub-topology \(subtopology.id)\(tasks)")
            for item in operators where item.subtopology == subtopology.id {
                let from =
                    item.parents.isEmpty
                    ? "" : " <- " + item.parents.map { "[\($0)]" }.joined(separator: ", ")
                lines.append("  [\(item.id)] \(label(of: item.kind))\(from)")
            }
            for store in subtopology.stores {
                let place = store.isInMemory ? ", in memory" : ""
                lines.append(
                    "  store \(store.name)\(place), "
                        + "changelog \(names.changelogTopic(store: store.name))"
                )
            }
            if let table = subtopology.globalTable {
                lines.append("  store \(table.store), a copy of \(table.topic) in every thread")
            }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// The topology as a Mermaid flow chart.
    public var mermaid: String {
        var lines = ["flowchart TD"]
        for subtopology in subtopologies {
            lines.append("  subgraph s\(subtopology.id)[\"sub-topology \(subtopology.id)\"]")
            for item in operators where item.subtopology == subtopology.id {
                lines.append("    n\(item.id)[\"\(label(of: item.kind))\"]")
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
    /// `stores`, `operators` [`id`, `kind`, `parents`, and `topic` or `stores` where it has them]].
    public var json: String {
        let parts = subtopologies.map { subtopology in
            let items = operators.filter { $0.subtopology == subtopology.id }.map { item in
                var fields = [
                    "\"id\":\(item.id)", "\"kind\":\(Self.quote(item.kind.word))",
                    "\"parents\":[\(item.parents.map(String.init).joined(separator: ","))]",
                ]
                if let topic = inputTopic(of: item.kind) ?? outputTopic(of: item.kind) {
                    fields.append("\"topic\":\(Self.quote(topic))")
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
        return "{\"job\":\(Self.quote(job)),\"subtopologies\":[\(parts.joined(separator: ","))]}\n"
    }

    private func label(of kind: OperatorKind) -> String {
        switch kind {
        case .source(let topic, let key, let value): "source \(topic) (\(key), \(value))"
        case .repartitionSource(let via): "source \(names.repartitionTopic(via: via))"
        case .globalTable(let topic, let key, let value, let store):
            "global table \(topic) (\(key), \(value)) in \(store)"
        case .stateless(let word): word
        case .stateful(let word, let stores):
            "\(word) in \(stores.map(\.name).joined(separator: ", "))"
        case .sink(let topic, let key, let value): "sink \(topic) (\(key), \(value))"
        case .repartitionSink(let via, _): "repartition \(names.repartitionTopic(via: via))"
        }
    }

    private static func list(_ names: [String]) -> String {
        "[\(names.map(quote).joined(separator: ","))]"
    }

    /// Names hold only letters, digits and . _ - (checked), so quoting is all that JSON asks.
    private static func quote(_ name: String) -> String { "\"\(name)\"" }
}
