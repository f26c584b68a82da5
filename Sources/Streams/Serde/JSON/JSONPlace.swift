/// Where a nested value lies, as a list from the inside out. The root has no place, so flat
/// documents allocate none.
final class JSONPlace {
    let parent: JSONPlace?
    let key: any CodingKey

    init(_ parent: JSONPlace?, _ key: any CodingKey) {
        self.parent = parent
        self.key = key
    }

    /// The keys from the root on.
    static func keys(_ place: JSONPlace?) -> [any CodingKey] {
        var keys: [any CodingKey] = []
        var next = place
        while let place = next {
            keys.append(place.key)
            next = place.parent
        }
        return keys.reversed()
    }

    /// Keys as text, like `items[2].price`.
    static func path(_ keys: [any CodingKey]) -> String {
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

    static func error(_ place: JSONPlace?, _ key: (any CodingKey)?, _ reason: String) -> JSONError {
        JSONError(path: path(keys(place) + (key.map { [$0] } ?? [])), reason)
    }
}

/// An index of an array as a coding key, or the key of a super coder.
struct JSONKey: CodingKey {
    let stringValue: String
    let intValue: Int?

    init(stringValue: String) {
        self.stringValue = stringValue
        intValue = nil
    }

    init(intValue: Int) {
        stringValue = "\(intValue)"
        self.intValue = intValue
    }

    static let `super` = JSONKey(stringValue: "super")
}
