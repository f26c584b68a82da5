import Streams

/// `join-stream-stream-…` and `join-stream-self`.
extension DSLTopologies {
    var streamJoins: [Statement]? {
        let window = JoinWindow.within(
            before: milliseconds("beforeMs"),
            after: milliseconds("afterMs"),
            grace: milliseconds("graceMs")
        )
        if id == "join-stream-self" {
            let texts = stream(Self.texts)
            let joined = texts.join(
                texts,
                within: window,
                store: "join",
                key: Self.text,
                left: Self.text,
                right: Self.text
            ) { Self.pair($0, $1) as String? }
            return [joined.to(Self.textOut)]
        }
        guard id.hasPrefix("join-stream-stream-") else { return nil }
        let left = stream(Topic("left", key: Self.text, value: Self.text))
        let right = stream(Topic("right", key: Self.text, value: Self.text))
        switch id.split(separator: "-")[3] {
        case "inner":
            let joined = left.join(
                right,
                within: window,
                store: "join",
                key: Self.text,
                left: Self.text,
                right: Self.text
            ) { Self.pair($0, $1) as String? }
            return [joined.to(Self.textOut)]
        case "left":
            let joined = left.leftJoin(
                right,
                within: window,
                store: "join",
                key: Self.text,
                left: Self.text,
                right: Self.text
            ) { Self.pair($0, $1 ?? nil) as String? }
            return [joined.to(Self.textOut)]
        case "outer":
            let joined = left.outerJoin(
                right,
                within: window,
                store: "join",
                key: Self.text,
                left: Self.text,
                right: Self.text
            ) { Self.pair($0 ?? nil, $1 ?? nil) as String? }
            return [joined.to(Self.textOut)]
        default: return nil
        }
    }
}
