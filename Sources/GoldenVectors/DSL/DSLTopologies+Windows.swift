import LogModel
import Streams

/// Windows: `window-…`.
extension DSLTopologies {
    static let windowOut = Topic(
        "out",
        key: TimeWindowedSerde(text, size: .zero),
        value: text
    )
    static let windowCountOut = Topic(
        "out",
        key: TimeWindowedSerde(text, size: .zero),
        value: .int64
    )

    func milliseconds(_ name: String) -> Duration { .milliseconds(parameters[name] ?? 0) }

    /// The parameter, or `fallback` where the topology is only looked at.
    func milliseconds(_ name: String, or fallback: Int64) -> Duration {
        .milliseconds(parameters[name] ?? fallback)
    }

    var timeWindows: TimeWindows {
        if id.contains("unlimited") {
            return .unlimited(from: Timestamp(parameters["startMs"] ?? 0))
        }
        let size = milliseconds("sizeMs", or: 1)
        let grace = milliseconds("graceMs")
        return id.contains("hopping")
            ? .hopping(size, every: milliseconds("advanceMs", or: 1), grace: grace)
            : .tumbling(size, grace: grace)
    }

    var timeWindowed: [Statement]? {
        let prefixes = ["window-tumbling-", "window-hopping-", "window-unlimited-"]
        guard prefixes.contains(where: id.hasPrefix) else { return nil }
        let windowed = stream(Self.texts).groupByKey(key: Self.text).windowed(by: timeWindows)
        let kind = id.split(separator: "-").dropFirst(2).joined(separator: "-")
        switch kind {
        case "count":
            return [windowed.count(store: "store").to(Self.windowCountOut)]
        case "reduce":
            return [
                windowed.reduce(store: "store", value: Self.text, Self.commaSeparated)
                    .to(Self.windowOut)
            ]
        case "aggregate", "retention", "on-close", "on-close-throttled",
            "on-close-default-retention":
            let table = windowed.aggregate(
                store: "store",
                initial: "" as String?,
                value: Self.text,
                emit: kind.hasPrefix("on-close") ? .onClose : .onUpdate,
                retention: storeRetention
            ) { aggregate, value in Self.append(value, to: &aggregate) }
            return [table.to(Self.windowOut)]
        default: return nil
        }
    }

    @Sendable static func append(_ value: String?, to aggregate: inout String?) {
        aggregate = "\(aggregate ?? "")+\(value ?? "null")"
    }
}

/// Sessions and sliding windows.
extension DSLTopologies {
    static let sessionOut = Topic("out", key: SessionWindowedSerde(text), value: text)
    static let sessionCountOut = Topic("out", key: SessionWindowedSerde(text), value: .int64)

    var sessionWindowed: [Statement]? {
        guard id.hasPrefix("window-session-") else { return nil }
        let windowed = sessions(of: stream(Self.texts))
        let kind = id.split(separator: "-").dropFirst(2).joined(separator: "-")
        switch kind {
        case "count": return [windowed.count(store: "store").to(Self.sessionCountOut)]
        case "reduce":
            return [
                windowed.reduce(store: "store", value: Self.text, Self.commaSeparated)
                    .to(Self.sessionOut)
            ]
        case "aggregate", "retention", "on-close", "on-close-throttled",
            "on-close-default-retention":
            let emission: Emission = kind.hasPrefix("on-close") ? .onClose : .onUpdate
            return [Self.merged(windowed, emission, storeRetention).to(Self.sessionOut)]
        default: return nil
        }
    }

    var slidingWindowed: [Statement]? {
        guard id.hasPrefix("window-sliding-") else { return nil }
        let windowed = stream(Self.texts).groupByKey(key: Self.text).windowed(by: slidingWindows)
        let kind = id.split(separator: "-").dropFirst(2).joined(separator: "-")
        switch kind {
        case "count": return [windowed.count(store: "store").to(Self.windowCountOut)]
        case "reduce":
            return [
                windowed.reduce(store: "store", value: Self.text, Self.commaSeparated)
                    .to(Self.windowOut)
            ]
        case "aggregate", "retention", "on-close", "on-close-throttled",
            "on-close-default-retention":
            let table = windowed.aggregate(
                store: "store",
                initial: "" as String?,
                value: Self.text,
                emit: kind.hasPrefix("on-close") ? .onClose : .onUpdate,
                retention: storeRetention
            ) { aggregate, value in Self.append(value, to: &aggregate) }
            return [table.to(Self.windowOut)]
        default: return nil
        }
    }

    var slidingWindows: SlidingWindows {
        .sliding(milliseconds("sizeMs"), grace: milliseconds("graceMs"))
    }

    /// A throttled case keeps windows as long as the one without a throttle does.
    var storeRetention: Duration? {
        if id.hasSuffix("-throttled") { return .milliseconds(1_000_000_000_000) }
        return parameters["retentionMs"].map { .milliseconds($0) }
    }

    func sessions(of stream: KeyedStream<String?, String?, ByKey>) -> SessionStream<Text, String?> {
        let windows = SessionWindows.session(
            gap: milliseconds("gapMs"),
            grace: milliseconds("graceMs")
        )
        return stream.groupByKey(key: Self.text).windowed(by: windows)
    }

    static func merged(
        _ windowed: SessionStream<Text, String?>,
        _ emission: Emission,
        _ retention: Duration?
    ) -> Table<Windowed<String?>, String?> {
        windowed.aggregate(
            store: "store",
            initial: "" as String?,
            value: Self.text,
            emit: emission,
            retention: retention,
            merge: { left, right -> String? in "(\(left ?? "null")&\(right ?? "null"))" }
        ) { aggregate, value in Self.append(value, to: &aggregate) }
    }

    @Sendable static func commaSeparated(_ old: String?, _ new: String?) -> String? {
        "\(old ?? "null"),\(new ?? "null")"
    }
}
