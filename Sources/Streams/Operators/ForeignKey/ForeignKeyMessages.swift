import LogModel

/// A row of the left table asks for, or no longer wants, the right row of a key: the value of a
/// record of `<job>-<via>-subscription-repartition`, whose key is the foreign key.
///
/// In bytes: the format (1), the request, the number of the left row's change (8, big-endian), the
/// left row's partition (4), the bytes of the left row's key.
@usableFromInline
struct Subscription {
    /// What is to happen with the subscription, and what is answered.
    @usableFromInline
    enum Request: UInt8 {
        /// Keep it; answer if there is a right row.
        case keep = 1
        /// Keep it; answer in any case, for the left row may have a result that is to go.
        case keepAndAnswer = 2
        /// Remove it.
        case remove = 3
        /// Remove it; answer, so that the left row's result goes.
        case removeAndAnswer = 4
    }

    @usableFromInline let request: Request
    /// The number of the change of the left row that the answer is for.
    @usableFromInline let change: Int64
    /// Where the left row lies.
    @usableFromInline let partition: UInt32
    /// The bytes of the left row's key; lent.
    @usableFromInline let key: UnsafeRawBufferPointer

    @inlinable
    init(request: Request, change: Int64, partition: UInt32, key: UnsafeRawBufferPointer) {
        self.request = request
        self.change = change
        self.partition = partition
        self.key = key
    }
}

@usableFromInline
struct SubscriptionSerde: Serde {
    @usableFromInline init() {}

    @usableFromInline static var name: String { "subscription" }

    @usableFromInline
    func decode(_ bytes: UnsafeRawBufferPointer) throws -> Subscription {
        guard bytes.count >= 14 else {
            throw SerdeError("a subscription of \(bytes.count) bytes, where it has 14 and a key")
        }
        guard bytes[0] == 1, let request = Subscription.Request(rawValue: bytes[1]) else {
            throw SerdeError("a subscription of format \(bytes[0]), request \(bytes[1])")
        }
        return Subscription(
            request: request,
            change: bytes.time(at: 2),
            partition: UInt32(
                bigEndian: bytes.loadUnaligned(fromByteOffset: 10, as: UInt32.self)
            ),
            key: bytes.from(14)
        )
    }

    @usableFromInline
    func encode(_ subscription: Subscription, into sink: inout ByteSink) throws {
        sink.append(1)
        sink.append(subscription.request.rawValue)
        sink.append(time: subscription.change)
        sink.append(bigEndian: subscription.partition)
        sink.append(contentsOf: subscription.key)
    }
}

/// The right row for a left row: the value of a record of `<job>-<via>-response-repartition`, whose
/// key is the left row's.
///
/// In bytes: the format (1); 2 for the end of a subscription, 1 with a right row, 0 without one;
/// the number of the left row's change (8, big-endian); the bytes of the right row.
@usableFromInline
struct Response<Value> {
    /// Whether it answers the removal of a subscription.
    @usableFromInline let endsSubscription: Bool
    /// The number of the change of the left row that it is for.
    @usableFromInline let change: Int64
    /// The right row.
    @usableFromInline let value: Value?

    @inlinable
    init(endsSubscription: Bool, change: Int64, value: Value?) {
        self.endsSubscription = endsSubscription
        self.change = change
        self.value = value
    }
}

@usableFromInline
struct ResponseSerde<ValueSerde: Serde>: Serde {
    @usableFromInline let value: ValueSerde

    @inlinable
    init(_ value: ValueSerde) { self.value = value }

    @usableFromInline static var name: String { "response of \(ValueSerde.name)" }
    @usableFromInline var formatName: String { "response of \(value.formatName)" }

    @usableFromInline
    func decode(_ bytes: UnsafeRawBufferPointer) throws -> Response<ValueSerde.Value> {
        guard bytes.count >= 10, bytes[0] == 1, bytes[1] <= 2 else {
            throw SerdeError("a response of \(bytes.count) bytes that is none of format 1")
        }
        return Response(
            endsSubscription: bytes[1] == 2,
            change: bytes.time(at: 2),
            value: bytes[1] == 1 ? try value.decode(bytes.from(10)) : nil
        )
    }

    @usableFromInline
    func encode(_ response: Response<ValueSerde.Value>, into sink: inout ByteSink) throws {
        sink.append(1)
        sink.append(response.endsSubscription ? 2 : response.value == nil ? 0 : 1)
        sink.append(time: response.change)
        if let row = response.value { try value.encode(row, into: &sink) }
    }
}
