/// An option as it is told: its value, and who gave it.
struct DescribedOption: Sendable {
    /// Kafka's numbers for who gave a value.
    enum Source: Int8, Sendable {
        case topic = 1
        case startedWith = 4
        case builtIn = 5
    }

    var name: String
    var value: String
    var source: Source
    var kind: TopicOption.Kind
    /// The values that would count one after the other, this one first.
    var synonyms: [(name: String, value: String, source: Source)] = []
    var isReadOnly = false
}

extension TopicOption {
    /// Every option of a topic with its value, by name: Kafka's, and ours where they are set.
    static func described(_ options: [String: String]) -> [DescribedOption] {
        let known = all.map { $0.described(options[$0.name]) }
        let others = options.filter { named($0.key) == nil }.map { name, value in
            DescribedOption(
                name: name,
                value: value,
                source: .topic,
                kind: .string,
                synonyms: [(name, value, .topic)]
            )
        }
        return (known + others).sorted { $0.name < $1.name }
    }

    private func described(_ value: String?) -> DescribedOption {
        var option = DescribedOption(
            name: name,
            value: value ?? defaultValue,
            source: value == nil ? .builtIn : .topic,
            kind: kind
        )
        if let value { option.synonyms.append((name, value, .topic)) }
        if let brokerName { option.synonyms.append((brokerName, defaultValue, .builtIn)) }
        return option
    }
}
