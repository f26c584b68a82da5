import Broker

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
    /// Whether nobody can change it.
    var isReadOnly = false
    /// Whether a topic has its default alone, and takes that as any other.
    var isFixed = false
}

extension TopicOption {
    /// Every option of a topic with its value, by name: Kafka's, and ours where they are set.
    static func described(
        _ options: [String: String],
        _ defaults: TopicDefaults
    ) -> [DescribedOption] {
        let known = all.map { $0.described(options[$0.name], defaults.options[$0.name]) }
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

    /// With the default that the broker was started with, which a topic keeps as its own value.
    private func described(_ value: String?, _ given: String?) -> DescribedOption {
        let own = value == given ? nil : value
        var option = DescribedOption(
            name: name,
            value: value ?? defaultValue,
            source: value == nil ? .builtIn : own == nil ? .startedWith : .topic,
            kind: kind,
            isFixed: !isHonoured
        )
        if let own { option.synonyms.append((name, own, .topic)) }
        guard let brokerName else { return option }
        if value != nil, let given { option.synonyms.append((brokerName, given, .startedWith)) }
        let last = builtIn ?? (brokerName, defaultValue)
        option.synonyms.append((last.name, last.value, .builtIn))
        return option
    }
}
