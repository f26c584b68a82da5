/// Several values of one type in their order: how many (4 bytes big-endian), then the length of
/// each (4 bytes) and its bytes.
public struct ListSerde<Element: Serde>: Serde {
    @usableFromInline let element: Element

    /// A list of what a serde writes.
    @inlinable
    public init(of element: Element) { self.element = element }

    public static var name: String { "list of \(Element.name)" }
    public var formatName: String { "list of \(element.formatName)" }

    public func decode(_ bytes: UnsafeRawBufferPointer) throws -> [Element.Value] {
        var rest = bytes
        let count = try Self.takeNumber(&rest, "a list that ends before its count")
        // Each has 4 bytes at least: a count cannot make room for more than there is.
        guard count <= rest.count / 4 else {
            throw SerdeError("a list of \(count) values in \(rest.count) bytes")
        }
        var values: [Element.Value] = []
        values.reserveCapacity(count)
        for _ in 0..<count {
            let length = try Self.takeNumber(&rest, "a list that ends before the length of a value")
            guard length <= rest.count else {
                throw SerdeError("a list whose value has \(rest.count) bytes of \(length)")
            }
            values.append(try element.decode(UnsafeRawBufferPointer(rebasing: rest[..<length])))
            rest = UnsafeRawBufferPointer(rebasing: rest[length...])
        }
        guard rest.isEmpty else { throw SerdeError("\(rest.count) bytes behind a list") }
        return values
    }

    public func encode(_ values: [Element.Value], into sink: inout ByteSink) throws {
        guard let count = Int32(exactly: values.count) else {
            throw SerdeError("a list of \(values.count) values, where 2^31-1 fit")
        }
        sink.append(bigEndian: count)
        for value in values {
            if element.isNull(value) { throw SerdeError("a list has no null values") }
            let at = sink.count
            sink.append(bigEndian: Int32(0))
            try element.encode(value, into: &sink)
            let length = sink.count - at - 4
            guard let length = Int32(exactly: length) else {
                throw SerdeError("a value of \(length) bytes, where a list holds less than 2 GiB")
            }
            sink.overwrite(bigEndian: length, at: at)
        }
    }

    private static func takeNumber(
        _ bytes: inout UnsafeRawBufferPointer,
        _ failure: @autoclosure () -> String
    ) throws -> Int {
        guard bytes.count >= 4, let base = bytes.baseAddress else { throw SerdeError(failure()) }
        let number = Int(Int32(bigEndian: base.loadUnaligned(as: Int32.self)))
        guard number >= 0 else { throw SerdeError("a list with a length below zero") }
        bytes = UnsafeRawBufferPointer(rebasing: bytes[4...])
        return number
    }
}

extension Serde {
    /// Several values in their order.
    public static func list<Element: Serde>(of element: Element) -> ListSerde<Element>
    where Self == ListSerde<Element> { ListSerde(of: element) }
}
