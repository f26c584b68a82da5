public import LogModel

/// An event in its envelope: who it is, what it is, when it happened, what it belongs to.
///
///     {"event_id": "e-17", "event_type": "order-placed", "event_version": 3,
///      "occurred_at": "2026-03-01T12:00:00.250Z", "correlation_id": "c-4", "data": {…}}
///
/// `EventSerde` reads and writes it, older versions too.
public struct Event<Payload> {
    /// Which event it is: the same for every copy of it, what `deduplicated(by:within:store:)`
    /// looks at.
    public var id: String
    /// What happened, such as `order-placed`.
    public var type: String
    /// The version of `data`'s form: that of the serde that read it, once it is read.
    public var version: Int
    /// When it happened.
    public var occurredAt: Timestamp
    /// What events of one story have in common; nil for one without.
    public var correlationID: String?
    /// What the event says.
    public var data: Payload

    /// An event.
    public init(
        id: String,
        type: String,
        version: Int = 1,
        occurredAt: Timestamp,
        correlationID: String? = nil,
        data: Payload
    ) {
        self.id = id
        self.type = type
        self.version = version
        self.occurredAt = occurredAt
        self.correlationID = correlationID
        self.data = data
    }

    /// The same event saying something else: id, time and correlation stay.
    public func with<NewPayload>(
        data: NewPayload,
        type: String? = nil,
        version: Int? = nil
    ) -> Event<NewPayload> {
        Event<NewPayload>(
            id: id,
            type: type ?? self.type,
            version: version ?? self.version,
            occurredAt: occurredAt,
            correlationID: correlationID,
            data: data
        )
    }

    /// An event that this one led to: of its time and its story, which begins with this one if it
    /// had none. Its id is made of this one's and its type, the same at every try.
    public func followed<NewPayload>(
        by type: String,
        version: Int = 1,
        data: NewPayload
    ) -> Event<NewPayload> {
        Event<NewPayload>(
            id: "\(id)/\(type)",
            type: type,
            version: version,
            occurredAt: occurredAt,
            correlationID: correlationID ?? id,
            data: data
        )
    }
}

extension Event: Sendable where Payload: Sendable {}
extension Event: Equatable where Payload: Equatable {}

/// An envelope as JSON has it.
struct EventText<Payload> {
    let id: String
    let type: String
    let version: Int
    let occurredAt: EventTime
    let correlationID: String?
    let data: Payload

    enum CodingKeys: String, CodingKey {
        case id = "event_id"
        case type = "event_type"
        case version = "event_version"
        case occurredAt = "occurred_at"
        case correlationID = "correlation_id"
        case data
    }
}

extension EventText: Sendable where Payload: Sendable {}
extension EventText: Encodable where Payload: Encodable {}
extension EventText: Decodable where Payload: Decodable {}

/// What decides how an envelope is read.
struct EventHead: Codable, Sendable {
    let type: String
    let version: Int

    enum CodingKeys: String, CodingKey {
        case type = "event_type"
        case version = "event_version"
    }
}
