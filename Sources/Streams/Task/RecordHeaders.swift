import LogModel
import Serdes

/// The headers of a record, in their order; a name may occur several times.
public struct RecordHeaders: Equatable, Sendable, RandomAccessCollection,
    RangeReplaceableCollection, ExpressibleByArrayLiteral
{
    /// One header.
    public struct Header: Hashable, Sendable {
        /// Its name.
        public var name: String
        /// Its bytes; nil for null.
        public var value: [UInt8]?

        /// A header of this name.
        public init(_ name: String, _ value: [UInt8]?) {
            self.name = name
            self.value = value
        }

        /// A header of this name with a text.
        public init(_ name: String, _ text: String) { self.init(name, Array(text.utf8)) }
    }

    private var headers: [Header]

    /// No headers.
    public init() { headers = [] }

    /// These headers.
    public init(arrayLiteral headers: Header...) { self.headers = headers }

    /// The headers of a block as it lies in a record.
    init(_ block: UnsafeRawBufferPointer?) {
        headers = []
        guard let block else { return }
        var iterator = RecordHeaderIterator(block)
        while let header = iterator.next() {
            headers.append(
                Header(
                    String(decoding: header.key, as: UTF8.self),
                    header.value.map { Array($0) }
                )
            )
        }
    }

    /// Always 0.
    public var startIndex: Int { 0 }

    /// How many there are.
    public var endIndex: Int { headers.count }

    /// The header at a place.
    public subscript(index: Int) -> Header { headers[index] }

    /// The bytes of the last header of a name; nil where there is none, or where it is null.
    public subscript(name: String) -> [UInt8]? { headers.last { $0.name == name }?.value }

    /// Puts other headers in the place of some.
    public mutating func replaceSubrange<Headers: Collection>(
        _ range: Range<Int>,
        with new: Headers
    ) where Headers.Element == Header { headers.replaceSubrange(range, with: new) }

    /// Writes them as they lie in a record; nil for none.
    func write(to sink: inout ByteSink) -> UnsafeRawBufferPointer? {
        sink.removeAll()
        guard !headers.isEmpty else { return nil }
        var block = RecordHeaderBlock()
        for header in headers {
            guard let value = header.value else {
                block.append(key: header.name, value: nil)
                continue
            }
            value.withUnsafeBytes { block.append(key: header.name, value: $0) }
        }
        block.withBytes { sink.append(contentsOf: $0) }
        return sink.bytes
    }
}
