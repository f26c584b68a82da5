import Serdes

/// How the members or elements of a container are ordered.
enum JSONOrder {
    /// As they come.
    case asWritten
    /// Members by key.
    case byKey
    /// Elements by their text.
    case byElement
    /// Pairs of elements, a key and its value, by the text of the key.
    case byPair
}

/// A type whose elements come in the order of a hash table, which differs from run to run. Their
/// text must not: as a part of a key it decides partition and group.
protocol JSONUnordered {
    static var order: JSONOrder { get }
}

extension Set: JSONUnordered {
    static var order: JSONOrder { .byElement }
}

/// Of a dictionary whose keys are neither strings nor integers; the others write an object.
extension Dictionary: JSONUnordered {
    static var order: JSONOrder { .byPair }
}

/// Finds dictionaries that write an object: by their coding key, which the standard library has
/// for them alone and does not name to others.
enum JSONDictionaryKey {
    static let type: any Any.Type = {
        let probe = Probe()
        // The container that the probe lends has no text, so its first member is an error.
        _ = try? ["": 0].encode(to: probe)
        return probe.seen.type
    }()

    private final class Seen {
        var type: any Any.Type = Never.self
    }

    private struct Probe: Encoder {
        let seen = Seen()
        let inner = JSONTextEncoder(text: JSONText(), level: 0)
        var codingPath: [any CodingKey] { [] }
        var userInfo: [CodingUserInfoKey: Any] { [:] }

        func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
            seen.type = Key.self
            let object = JSONTextState.Container(level: 0, serial: -1)
            return KeyedEncodingContainer(JSONObjectEncoder(text: inner.text, object: object))
        }

        func unkeyedContainer() -> any UnkeyedEncodingContainer { inner.unkeyedContainer() }

        func singleValueContainer() -> any SingleValueEncodingContainer { inner }
    }
}

/// A member or an element in the sink: what is moved when its container is sorted.
struct JSONPiece {
    private var start: Int
    /// Where the text ends by which it is sorted.
    var keyEnd = 0
    private var end = 0

    init(_ start: Int) { self.start = start }

    /// Sorts pieces, which are the last in the sink, with a comma between each two.
    static func sort(_ pieces: ArraySlice<JSONPiece>, _ order: JSONOrder, in sink: inout ByteSink) {
        guard pieces.count > 1, let first = pieces.first?.start else { return }
        let (sorted, text) = withPlaces(pieces, order, end: sink.count, of: sink.bytes)
        guard let text else { return }
        sink.removeAll(after: first)
        text.withUnsafeBytes { text in
            for (index, piece) in sorted.enumerated() {
                if index > 0 { sink.append(UInt8(ascii: ",")) }
                let range = piece.start - first..<piece.end - first
                sink.append(contentsOf: UnsafeRawBufferPointer(rebasing: text[range]))
            }
        }
    }

    /// The pieces in their order, and a copy of their text; no text where they lie in that order.
    private static func withPlaces(
        _ unsorted: ArraySlice<JSONPiece>,
        _ order: JSONOrder,
        end: Int,
        of bytes: UnsafeRawBufferPointer
    ) -> ([JSONPiece], text: [UInt8]?) {
        var pieces = Array(unsorted)
        for index in pieces.indices {
            pieces[index].end = index + 1 < pieces.count ? pieces[index + 1].start - 1 : end
            if order != .byKey { pieces[index].keyEnd = pieces[index].end }
        }
        if order == .byPair {
            pieces = stride(from: 0, to: pieces.count - 1, by: 2).map { index in
                var pair = pieces[index]
                pair.end = pieces[index + 1].end
                return pair
            }
        }
        let first = pieces[0].start
        pieces.sort { $0.precedes($1, in: bytes) }
        // Pieces in order are not written anew.
        if zip(pieces, pieces.dropFirst()).allSatisfy({ $0.start < $1.start }) { return ([], nil) }
        return (pieces, Array(bytes[first...]))
    }

    /// By the bytes of the keys without their last, a quote or a bracket that a longer key lacks;
    /// of equal keys, which custom types can write, by all of the text.
    private func precedes(_ other: JSONPiece, in bytes: UnsafeRawBufferPointer) -> Bool {
        let left = bytes[start..<keyEnd]
        let right = bytes[other.start..<other.keyEnd]
        if left.elementsEqual(right) {
            return bytes[start..<end].lexicographicallyPrecedes(bytes[other.start..<other.end])
        }
        return left.dropLast().lexicographicallyPrecedes(right.dropLast())
            || (left.dropLast().elementsEqual(right.dropLast())
                && left.lexicographicallyPrecedes(right))
    }
}
