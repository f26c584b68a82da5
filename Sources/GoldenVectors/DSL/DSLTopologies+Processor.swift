import LogModel
import Streams

/// Processors with stores and timers, `processValues`, `transformValues`, timestamp extractors.
extension DSLTopologies {
    static let seenCounts = Store.keyValue("seen", key: text, value: .int64)

    var extracted: [Statement]? {
        switch id {
        case "timestamp-extractor-value":
            return [
                stream(Self.numbers, timestamp: { value in Timestamp(value ?? -1) })
                    .to(Self.numberOut)
            ]
        case "timestamp-extractor-partition-time":
            let numbers = stream(
                Self.numbers,
                timestamps: .custom { _, value, times in
                    guard let value, value >= 0 else { return times.partition }
                    return Timestamp(value)
                }
            )
            return [numbers.to(Self.numberOut)]
        case "table-transform-values":
            let rows = table(Self.tableTopic, store: "src").transformValues(
                to: String.self,
                stores: [Self.seenCounts]
            ) { stores in
                let seen = try stores.open(Self.seenCounts)
                return { key, value in
                    let count = (try seen.get(key) ?? 0) + 1
                    try seen.put(key, count)
                    return "\(key ?? "null"):\(value ?? "null"):\(count)"
                }
            }
            return [rows.to(Self.rowOut)]
        default: return nil
        }
    }

    var processed: [Statement]? {
        let texts = stream(Self.texts)
        switch id {
        case "processor-children":
            let parts = texts.process(children: ["a", "b"]) { _ -> Children in Children() }
            return [
                parts["a"].to(Topic("a", key: Self.text, value: Self.text)),
                parts["b"].to(Topic("b", key: Self.text, value: Self.text)),
            ]
        case "processor-process-values":
            let shift = parameters["shiftMs"] ?? 0
            return [
                texts.processValues { _ -> Shifting in Shifting(shift: shift) }.to(Self.textOut)
            ]
        case "processor-stream-time-two-topics":
            let x = stream(Topic("x", key: Self.text, value: Self.text))
            let y = stream(Topic("y", key: Self.text, value: Self.text))
            return [x.merge(y).process { _ -> Times in Times() }.to(Self.textOut)]
        case "processor-timestamps-headers":
            let results = texts.process { _ -> Rewriting in Rewriting() }
            let counted = results.filter { _ in true }
                .mapValues { value -> String? in value }
                .filterWithKey { key, _ in key != nil }
                .repartition("g", key: Self.text, value: Self.text)
                .groupByKey(key: Self.text)
                .count(store: "store")
            return [
                results.to(Self.textOut),
                counted.to(Topic("counts", key: Self.text, value: .int64)),
            ]
        case "processor-kv-count":
            return [
                texts.process(stores: [Counting.counts]) { try Counting($0) }.to(Self.textOut)
            ]
        case "processor-dedup":
            let seen = Deduplicating.seen(ttl: parameters["ttlMs"] ?? 0)
            return [
                texts.process(stores: [seen]) { stores -> Deduplicating in
                    Deduplicating(seen: try stores.open(seen), ttl: parameters["ttlMs"] ?? 0)
                }.to(Self.textOut)
            ]
        default: return punctuated(texts) ?? ranges(texts)
        }
    }

    /// `processor-punctuate-…`
    private func punctuated(_ texts: Streams.Stream<String?, String?>) -> [Statement]? {
        guard id.hasPrefix("processor-punctuate-") else { return nil }
        let clock: TimerClock = id.contains("-wall-") ? .wallClock : .streamTime
        let interval = Duration.milliseconds(parameters["intervalMs"] ?? 1)
        let limit = parameters["limit"] ?? 0
        let waits = id.hasSuffix("-first")
        let ticking = texts.process(stores: [Ticking.kept]) { stores -> Ticking in
            Ticking(
                kept: try stores.open(Ticking.kept),
                clock: clock,
                interval: interval,
                limit: limit,
                waitsForRecord: waits
            )
        }
        return [ticking.to(Self.textOut)]
    }

    /// The processors that write down what the reads of their store give.
    private func ranges(_ texts: Streams.Stream<String?, String?>) -> [Statement]? {
        let isInMemory = id.contains("-in-memory")
        switch id {
        case "processor-kv-range-in-memory", "processor-kv-range-persistent":
            let store = Store.keyValue("store", key: .utf8, value: .utf8)
            let used = isInMemory ? store.inMemory : store
            return [
                texts.process(stores: [used]) { stores -> TextRanges in
                    TextRanges(store: try stores.open(used))
                }.to(Self.textOut)
            ]
        case "processor-kv-range-int64-in-memory", "processor-kv-range-int64-persistent":
            let store = Store.keyValue("store", key: .int64, value: .utf8)
            let used = isInMemory ? store.inMemory : store
            let numbers = stream(Topic("in", key: Self.number, value: Self.text))
            return [
                numbers.process(stores: [used]) { stores -> NumberRanges in
                    NumberRanges(store: try stores.open(used))
                }.to(Self.textOut)
            ]
        case _ where id.hasPrefix("processor-window-store-"):
            let size = parameters["sizeMs"] ?? 0
            let store = Store.window(
                "store",
                key: .utf8,
                value: .utf8,
                size: .milliseconds(size),
                retention: .milliseconds(parameters["retentionMs"] ?? 0),
                hasDuplicates: id.hasSuffix("-duplicates")
            )
            let used = isInMemory ? store.inMemory : store
            return [
                texts.process(stores: [used]) { stores -> WindowReads in
                    WindowReads(store: try stores.open(used), size: size)
                }.to(Self.textOut)
            ]
        case "processor-versioned-store":
            let store = Store.versioned(
                "store",
                key: .utf8,
                value: .utf8,
                history: .milliseconds(parameters["historyMs"] ?? 0)
            )
            return [
                stream(Self.texts).process(stores: [store]) { stores -> VersionedReads in
                    VersionedReads(store: try stores.open(store))
                }.to(Self.textOut)
            ]
        case _ where id.hasPrefix("processor-session-store-"):
            let store = Store.session(
                "store",
                key: .utf8,
                value: .utf8,
                retention: .milliseconds(parameters["retentionMs"] ?? 0)
            )
            let used = isInMemory ? store.inMemory : store
            return [
                stream(Self.numbers).process(stores: [used]) { stores -> SessionReads in
                    SessionReads(store: try stores.open(used))
                }.to(Self.textOut)
            ]
        default: return nil
        }
    }
}
