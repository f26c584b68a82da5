import LogModel
import Streams

/// What the reads of a key-value store give, after each put.
struct TextRanges: Processor {
    let store: KeyValueStore<UTF8Serde, UTF8Serde>

    mutating func process(
        _ key: String?,
        _ value: String?,
        _ context: inout ProcessorContext<String?, String?>
    ) throws {
        guard let key else { return }
        try store.put(key, value)
        let reads = [
            "a:" + (try list { try store.range($0) }),
            "r:" + (try list { try store.range(from: key, through: "b", $0) }),
            "v:" + (try list { try store.range(from: "B", through: key, isReversed: true, $0) }),
            "p:" + (try list { try store.range(prefix: "A", as: .utf8, $0) }),
            "o:" + (try list { try store.range(through: key, $0) }),
            "z:" + (try list { try store.range(isReversed: true, $0) }),
        ]
        try context.forward(key, reads.joined(separator: " "))
    }

    private func list(
        _ read: ((String, String) throws -> Bool) throws -> Void
    ) rethrows -> String {
        var rows: [String] = []
        try read { key, value in
            rows.append("\(key)=\(value)")
            return true
        }
        return rows.joined(separator: ",")
    }
}

/// What the reads of a store with integer keys give, after each put.
struct NumberRanges: Processor {
    let store: KeyValueStore<Int64Serde, UTF8Serde>

    mutating func process(
        _ key: Int64?,
        _ value: String?,
        _ context: inout ProcessorContext<String?, String?>
    ) throws {
        guard let key else { return }
        try store.put(key, value)
        let reads = [
            "a:" + (try list(nil, nil)), "r:" + (try list(-1, 2)), "q:" + (try list(0, 5)),
            "n:" + (try list(-5, -1)),
        ]
        try context.forward("r", reads.joined(separator: " "))
    }

    private func list(_ first: Int64?, _ last: Int64?) throws -> String {
        var rows: [String] = []
        try store.range(from: first, through: last) { key, value in
            rows.append("\(key)=\(value)")
            return true
        }
        return rows.joined(separator: ",")
    }
}

/// The rows that a read gives, in its order.
private struct Rows {
    private var texts: [String] = []
    var text: String { texts.joined(separator: ",") }

    static func of(
        _ read: ((Windowed<String>, String) throws -> Bool) throws -> Void,
        _ row: @escaping (Windowed<String>, String) -> String
    ) rethrows -> String {
        var rows = Rows()
        try read { key, value in
            rows.texts.append(row(key, value))
            return true
        }
        return rows.text
    }

    static func full(_ key: Windowed<String>, _ value: String) -> String {
        "\(key.key)@\(key.window.start.rawValue)-\(key.window.end.rawValue)=\(value)"
    }

    static func time(_ key: Windowed<String>, _ value: String) -> String {
        "\(key.window.start.rawValue)=\(value)"
    }
}

/// What the reads of a window store give, after each put.
struct WindowReads: Processor {
    let store: WindowStore<UTF8Serde, UTF8Serde>
    let size: Int64

    mutating func process(
        _ key: String?,
        _ value: String?,
        _ context: inout ProcessorContext<String?, String?>
    ) throws {
        guard let key else { return }
        let time = context.timestamp
        try store.put(key, value, at: time)
        let first = max(Timestamp(0), time.advanced(byMilliseconds: -size))
        let last = time.advanced(byMilliseconds: size)
        let reads = [
            "f:"
                + (try Rows.of({ try store.fetch(key, between: first, and: last, $0) }, Rows.time)),
            "b:"
                + (try Rows.of(
                    { try store.fetch(key, between: first, and: last, isReversed: true, $0) },
                    Rows.time
                )),
            "r:"
                + (try Rows.of(
                    {
                        try store.fetch(
                            keysFrom: "A",
                            through: "B",
                            between: first,
                            and: last,
                            $0
                        )
                    },
                    Rows.full
                )),
            "q:" + (try Rows.of({ try store.fetchAll(between: first, and: time, $0) }, Rows.full)),
            "z:"
                + (try Rows.of(
                    { try store.fetchAll(between: first, and: time, isReversed: true, $0) },
                    Rows.full
                )),
            "a:" + (try Rows.of({ try store.fetchAll($0) }, Rows.full)),
        ]
        try context.forward(key, reads.joined(separator: " "))
    }
}

/// What the reads of a session store give, after each put.
struct SessionReads: Processor {
    let store: SessionStore<UTF8Serde, UTF8Serde>

    mutating func process(
        _ key: String?,
        _ value: Int64?,
        _ context: inout ProcessorContext<String?, String?>
    ) throws {
        guard let key, let value else { return }
        let time = context.timestamp
        let end = time.advanced(byMilliseconds: abs(value) % 20)
        let session = Windowed(key: key, window: Window(start: time, end: end))
        if value % 7 == 0 { try store.remove(session) } else { try store.put(session, "s\(value)") }
        let first = max(Timestamp(0), time.advanced(byMilliseconds: -10))
        let last = time.advanced(byMilliseconds: 10)
        let reads = [
            "f:"
                + (try Rows.of(
                    {
                        try store.findSessions(
                            key,
                            endingFrom: first,
                            startingThrough: last,
                            $0
                        )
                    },
                    Rows.full
                )),
            "b:"
                + (try Rows.of(
                    {
                        try store.findSessions(
                            key,
                            endingFrom: first,
                            startingThrough: last,
                            isReversed: true,
                            $0
                        )
                    },
                    Rows.full
                )),
            "r:"
                + (try Rows.of(
                    {
                        try store.findSessions(
                            keysFrom: "A",
                            through: "B",
                            endingFrom: first,
                            startingThrough: last,
                            $0
                        )
                    },
                    Rows.full
                )),
            "k:" + (try Rows.of({ try store.findSessions(key, $0) }, Rows.full)),
            "z:" + (try Rows.of({ try store.findSessions(key, isReversed: true, $0) }, Rows.full)),
        ]
        try context.forward(key, reads.joined(separator: " "))
    }
}

/// Puts each value as a version, and reads around it.
struct VersionedReads: Processor {
    let store: VersionedKeyValueStore<UTF8Serde, UTF8Serde>

    mutating func process(
        _ key: String?,
        _ value: String?,
        _ context: inout ProcessorContext<String?, String?>
    ) throws {
        guard let key else { return }
        let time = context.timestamp
        let result =
            switch try store.put(key, value, at: time) {
            case .latest: "latest"
            case .ended(let end): "\(end.rawValue)"
            case .tooOld: "not-put"
            }
        let before = time.advanced(byMilliseconds: -1)
        let reads = [
            "rc:\(result)", "now:\(Self.text(try store.get(key)))",
            "asof:\(Self.text(try store.get(key, asOf: time)))",
            "before:\(Self.text(try store.get(key, asOf: before)))",
        ]
        try context.forward(key, reads.joined(separator: " "))
    }

    private static func text(_ version: (value: String, timestamp: Timestamp)?) -> String {
        version.map { "\($0.value)/\($0.timestamp.rawValue)/-" } ?? "none"
    }
}
