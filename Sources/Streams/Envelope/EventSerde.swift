import LogModel

/// Reads events of every version that it knows, and writes the current one, as JSON.
///
///     static let orders = Topic(
///         "orders",
///         key: .utf8,
///         value: EventSerde<Order>(type: "order-placed", version: 2, upcasting: [
///             .from(1, OrderV1.self) { old in Order(id: old.id, cents: old.total * 100) }
///         ])
///     )
///
/// An event of another version or type is one that cannot be read: what becomes of it is said by
/// the policy of the source (`onError`). Its dead letter has the reason `unsupported-version` or
/// `unexpected-type`.
public struct EventSerde<Payload: Codable & Sendable>: Serde {
    private let type: String
    private let version: Int
    private let upcasts: [Int: EventUpcast<Payload>]

    /// A serde of one type of event.
    ///
    /// - Parameters:
    ///   - type: `event_type`.
    ///   - version: the `event_version` of `Payload`, which is written.
    ///   - upcasting: how events of older versions become this one; each version once.
    public init(type: String, version: Int = 1, upcasting upcasts: [EventUpcast<Payload>] = []) {
        self.type = type
        self.version = version
        var known: [Int: EventUpcast<Payload>] = [:]
        for upcast in upcasts {
            requireDeclared(
                upcast.version != version && known[upcast.version] == nil,
                "version \(upcast.version) of \(type) is there twice"
            )
            known[upcast.version] = upcast
        }
        self.upcasts = known
    }

    public func decode(_ bytes: UnsafeRawBufferPointer) throws -> Event<Payload> {
        let head = try JSONSerde<EventHead>().decode(bytes)
        guard head.type == type else {
            throw EventError(
                "an event of type \"\(head.type.prefix(100))\", where \"\(type)\" is expected",
                reason: "unexpected-type"
            )
        }
        if head.version == version {
            return try JSONSerde<EventText<Payload>>().decode(bytes).event(version: version) { $0 }
        }
        guard let upcast = upcasts[head.version] else {
            let known = ([version] + upcasts.keys).sorted().map(String.init)
            throw EventError(
                "version \(head.version) of \"\(type)\"; known are "
                    + known.joined(separator: ", "),
                reason: "unsupported-version"
            )
        }
        return try upcast.read(bytes, version)
    }

    /// Writes the event with the serde's own type and version.
    public func encode(_ value: Event<Payload>, into sink: inout ByteSink) throws {
        let text = EventText(
            id: value.id,
            type: type,
            version: version,
            occurredAt: EventTime(value.occurredAt),
            correlationID: value.correlationID,
            data: value.data
        )
        try JSONSerde<EventText<Payload>>().encode(text, into: &sink)
    }

    public static var name: String { "event \(Payload.self)" }
}

/// How an event of an older version becomes one of the current.
public struct EventUpcast<Payload: Codable & Sendable>: Sendable {
    let version: Int
    let read: @Sendable (UnsafeRawBufferPointer, _ current: Int) throws -> Event<Payload>

    /// Reads `data` of a version as `type`, and makes it the current form.
    public static func from<Old: Codable & Sendable>(
        _ version: Int,
        _ type: Old.Type,
        _ upcast: @escaping @Sendable (Old) throws -> Payload
    ) -> EventUpcast {
        EventUpcast(version: version) { bytes, current in
            try JSONSerde<EventText<Old>>().decode(bytes).event(version: current, upcast)
        }
    }
}

extension Serde {
    /// Events of one type in their envelope, as JSON; older versions are brought up to the current.
    public static func event<Payload: Codable & Sendable>(
        _ payload: Payload.Type,
        type: String,
        version: Int = 1,
        upcasting: [EventUpcast<Payload>] = []
    ) -> Self where Self == EventSerde<Payload> {
        EventSerde(type: type, version: version, upcasting: upcasting)
    }
}

/// Why an envelope is none that a serde takes.
public struct EventError: DeadLetterReason, Equatable, CustomStringConvertible {
    /// What is wrong.
    public let description: String
    /// `unsupported-version` or `unexpected-type`.
    public let deadLetterReason: String

    init(_ description: String, reason: String) {
        self.description = description
        deadLetterReason = reason
    }
}

extension EventText {
    fileprivate func event<NewPayload>(
        version: Int,
        _ upcast: (Payload) throws -> NewPayload
    ) rethrows -> Event<NewPayload> {
        Event(
            id: id,
            type: type,
            version: version,
            occurredAt: occurredAt.timestamp,
            correlationID: correlationID,
            data: try upcast(data)
        )
    }
}
