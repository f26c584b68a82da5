import Streams

/// `suppress-…` and `cogroup-…`.
extension DSLTopologies {
    var suppressed: [Statement]? {
        let source = table(Self.tableTopic, store: "src")
        let wait = milliseconds("waitMs")
        switch id {
        case "suppress-table-time-limit", "suppress-table-max-records-early":
            let held = source.suppressed(
                .untilTimeLimit(wait, keyLimit: parameters["max"].map { Int($0) }),
                store: "held",
                key: Self.text,
                value: .utf8
            )
            return [held.to(Self.rowOut)]
        case "suppress-tumbling-time-limit", "suppress-hopping-time-limit":
            let held = windowTable.suppressed(
                .untilTimeLimit(wait),
                store: "held",
                key: TimeWindowedSerde(Self.text, size: milliseconds("sizeMs")),
                value: Self.text
            )
            return [held.to(Self.windowOut)]
        case "suppress-tumbling-until-window-closes", "suppress-hopping-until-window-closes":
            return [closed(windowTable).to(Self.windowOut)]
        case "suppress-sliding-until-window-closes":
            let windowed = stream(Self.texts).groupByKey(key: Self.text)
                .windowed(by: slidingWindows)
            let table = windowed.aggregate(
                store: "store",
                initial: "" as String?,
                value: Self.text
            ) { aggregate, value in Self.append(value, to: &aggregate) }
            return [closed(table).to(Self.windowOut)]
        case "suppress-session-until-window-closes":
            let table = Self.merged(sessions(of: stream(Self.texts)), .onUpdate, nil)
            let held = table.suppressedUntilClosed(
                store: "held",
                key: SessionWindowedSerde(Self.text),
                value: Self.text
            )
            return [held.to(Self.sessionOut)]
        default: return nil
        }
    }

    private var windowTable: Table<Windowed<String?>, String?> {
        let windowed = stream(Self.texts).groupByKey(key: Self.text).windowed(by: timeWindows)
        return windowed.aggregate(store: "store", initial: "" as String?, value: Self.text) {
            aggregate,
            value in Self.append(value, to: &aggregate)
        }
    }

    private func closed(
        _ table: Table<Windowed<String?>, String?>
    ) -> Table<Windowed<String?>, String?> {
        table.suppressedUntilClosed(
            store: "held",
            key: TimeWindowedSerde(Self.text, size: milliseconds("sizeMs")),
            value: Self.text
        )
    }

    var cogrouped: [Statement]? {
        guard id.hasPrefix("cogroup-") else { return nil }
        let two = grouped("a")
            .cogrouped(as: Self.text) { aggregate, value in Self.append(value, to: &aggregate) }
            .with(grouped("b")) { aggregate, value in
                aggregate = "\(aggregate ?? "")*\(value ?? "null")"
            }
        switch id {
        case "cogroup-2":
            return [two.aggregate(store: "store", initial: "").to(Self.textOut)]
        case "cogroup-3":
            let three = two.with(grouped("c")) { aggregate, value in
                let value = value ?? "null"
                aggregate = value.hasPrefix("x") ? nil : "\(aggregate ?? "")/\(value)"
            }
            return [three.aggregate(store: "store", initial: "").to(Self.textOut)]
        case "cogroup-tumbling", "cogroup-hopping":
            let table = two.windowed(by: timeWindows).aggregate(store: "store", initial: "")
            return [table.to(Self.windowOut)]
        case "cogroup-sliding":
            let table = two.windowed(by: slidingWindows).aggregate(store: "store", initial: "")
            return [table.to(Self.windowOut)]
        case "cogroup-session":
            let windows = SessionWindows.session(
                gap: milliseconds("gapMs"),
                grace: milliseconds("graceMs")
            )
            let table = two.windowed(by: windows).aggregate(
                store: "store",
                initial: "",
                merge: { left, right -> String? in "(\(left ?? "null")&\(right ?? "null"))" }
            )
            return [table.to(Self.sessionOut)]
        default: return nil
        }
    }

    private func grouped(_ topic: String) -> GroupedStream<Text, String?> {
        stream(Topic(topic, key: Self.text, value: Self.text)).groupByKey(key: Self.text)
    }
}
