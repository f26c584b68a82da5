/// A key or value that its serde refuses. The task's error policy decides what follows.
public struct DecodeFailure: Error, CustomStringConvertible {
    /// "key" or "value".
    public let part: String
    /// The serde.
    public let serde: String
    /// What the serde said.
    public let reason: String
    let cause: any Error

    @usableFromInline
    init(part: String, serde: String, error: any Error) {
        self.part = part
        self.serde = serde
        reason = String(describing: error)
        cause = error
    }

    /// One sentence.
    public var description: String { "cannot read the \(part) as \(serde): \(reason)" }
}

extension StreamNode {
    /// A source node: decodes raw records of a topic for the consumers. A table's source drops
    /// (and counts) records whose key is null before any serde sees them.
    @inlinable
    static func source<KeySerde: Serde, ValueSerde: Serde>(
        kind: OperatorKind,
        key: KeySerde,
        value: ValueSerde,
        dropsNullKeys: Bool = false
    ) -> StreamNode<Key, Value> where KeySerde.Value == Key, ValueSerde.Value == Value {
        let node = StreamNode<Key, Value>(kind: kind, parents: [])
        node.bindSource = { [unowned node] task in
            let sink = node.bindConsumers(task)
            let counters = task.counters
            return { rawKey, rawValue in
                if dropsNullKeys, rawKey == nil {
                    counters.pointee.drop(.nullKey)
                    return
                }
                let decodedKey: Key
                do { decodedKey = try key.decodeNullable(rawKey) } catch {
                    throw DecodeFailure(part: "key", serde: KeySerde.name, error: error)
                }
                let decodedValue: Value
                do { decodedValue = try value.decodeNullable(rawValue) } catch {
                    throw DecodeFailure(part: "value", serde: ValueSerde.name, error: error)
                }
                try sink(decodedKey, decodedValue)
            }
        }
        return node
    }
}
