/// A change on its way through a repartition topic: the length of the new value (4 bytes
/// big-endian, -1 for none) and its bytes, then the same of the old one.
@usableFromInline
struct ChangeSerde<ValueSerde: Serde>: Serde {
    @usableFromInline let value: ValueSerde

    @inlinable
    init(_ value: ValueSerde) { self.value = value }

    @usableFromInline static var name: String { "change of \(ValueSerde.name)" }
    @usableFromInline var formatName: String { "change of \(value.formatName)" }

    @usableFromInline
    func decode(_ bytes: UnsafeRawBufferPointer) throws -> Change<ValueSerde.Value> {
        var rest = bytes
        let new = try take(&rest)
        let old = try take(&rest)
        guard rest.isEmpty else { throw SerdeError("\(rest.count) bytes behind a change") }
        return Change(old: old, new: new)
    }

    @usableFromInline
    func encode(_ change: Change<ValueSerde.Value>, into sink: inout ByteSink) throws {
        try append(change.new, to: &sink)
        try append(change.old, to: &sink)
    }

    private func take(_ bytes: inout UnsafeRawBufferPointer) throws -> ValueSerde.Value? {
        guard bytes.count >= 4, let base = bytes.baseAddress else {
            throw SerdeError("a change that ends before the length of a value")
        }
        let length = Int(Int32(bigEndian: base.loadUnaligned(as: Int32.self)))
        let rest = UnsafeRawBufferPointer(rebasing: bytes[4...])
        guard length >= 0 else {
            bytes = rest
            return nil
        }
        guard length <= rest.count else {
            throw SerdeError("a change whose value has \(rest.count) bytes of \(length)")
        }
        bytes = UnsafeRawBufferPointer(rebasing: rest[length...])
        return try value.decode(UnsafeRawBufferPointer(rebasing: rest[..<length]))
    }

    private func append(_ part: ValueSerde.Value?, to sink: inout ByteSink) throws {
        guard let part, !value.isNull(part) else { return sink.append(bigEndian: Int32(-1)) }
        let at = sink.count
        sink.append(bigEndian: Int32(0))
        try value.encode(part, into: &sink)
        let length = sink.count - at - 4
        guard let length = Int32(exactly: length) else {
            throw SerdeError("a value of \(length) bytes, where a change holds less than 2 GiB")
        }
        sink.overwrite(bigEndian: length, at: at)
    }
}
