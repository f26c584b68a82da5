/// Where a value lies. Nobody keeps track of that while all goes well: a path is found again in
/// the document, or in the text written so far, when an error or a type asks for it.
enum JSONPath {
    /// Keys as text, like `items[2].price`.
    static func text(_ keys: [any CodingKey]) -> String {
        var text = ""
        for key in keys {
            if let index = key.intValue {
                text += "[\(index)]"
            } else {
                text += text.isEmpty ? key.stringValue : "." + key.stringValue
            }
        }
        return text
    }

    /// The keys that lead from a document's root to one of its values.
    static func keys(to value: JSONNode) -> [JSONKey] {
        var keys: [JSONKey] = []
        var node = value.at(1)
        while node.index < value.index, let (key, child) = child(of: node, holding: value.index) {
            keys.append(key)
            node = child
        }
        return keys
    }

    private static func child(of node: JSONNode, holding index: Int) -> (JSONKey, JSONNode)? {
        var found: (JSONKey, JSONNode)?
        switch node.kind {
        case .object:
            JSONMembers(node).forEach { key, member in
                guard member.index <= index, index < member.following else { return }
                found = (JSONKey(stringValue: String(decoding: key, as: UTF8.self)), member)
            }
        case .array:
            var count = 0
            node.forEachElement { element in
                if element.index <= index, index < element.following {
                    found = (JSONKey(intValue: count), element)
                }
                count += 1
            }
        default: break
        }
        return found
    }

    /// The keys that lead to the end of a text of ours that is not complete.
    static func keys(atEndOf text: UnsafeRawBufferPointer) -> [JSONKey] {
        // One for each container that is open; nil for an object without a key yet.
        var keys: [JSONKey?] = []
        var isKeyNext = false
        var index = 0
        while index < text.count {
            switch text[index] {
            case UInt8(ascii: "{"):
                keys.append(nil)
                isKeyNext = true
            case UInt8(ascii: "["): keys.append(JSONKey(intValue: 0))
            case UInt8(ascii: "}"), UInt8(ascii: "]"): _ = keys.popLast()
            case UInt8(ascii: ","):
                if let last = keys.last, let element = last?.intValue {
                    keys[keys.count - 1] = JSONKey(intValue: element + 1)
                } else {
                    isKeyNext = true
                }
            case UInt8(ascii: "\""):
                let (string, end) = string(in: text, from: index + 1)
                if isKeyNext, !keys.isEmpty {
                    keys[keys.count - 1] = JSONKey(stringValue: string)
                    isKeyNext = false
                }
                index = end
            default: break
            }
            index += 1
        }
        return keys.compactMap { $0 }
    }

    /// A string and the place of its closing quote.
    private static func string(
        in text: UnsafeRawBufferPointer,
        from start: Int
    ) -> (String, end: Int) {
        var bytes: [UInt8] = []
        var index = start
        while index < text.count, text[index] != UInt8(ascii: "\"") {
            // Of the escapes that we write, a name in an error's text needs only these two.
            if text[index] == UInt8(ascii: "\\"), index + 1 < text.count,
                text[index + 1] == UInt8(ascii: "\"") || text[index + 1] == UInt8(ascii: "\\")
            {
                index += 1
            }
            bytes.append(text[index])
            index += 1
        }
        return (String(decoding: bytes, as: UTF8.self), index)
    }
}

/// A member's name or an array's index as a coding key.
struct JSONKey: CodingKey {
    private let name: String
    let intValue: Int?

    init(stringValue: String) {
        name = stringValue
        intValue = nil
    }

    init(intValue: Int) {
        name = ""
        self.intValue = intValue
    }

    var stringValue: String { intValue.map { "\($0)" } ?? name }

    static let `super` = JSONKey(stringValue: "super")
}
