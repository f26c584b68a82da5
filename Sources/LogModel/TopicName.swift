/// Kafka's rules for topic names, in Kafka's words.
package enum TopicName {
    private static let characterLimit = 249

    /// Why `name` can be no topic's, nil if it can.
    package static func problem(with name: String) -> String? {
        if name.isEmpty { return "Topic name is invalid: the empty string is not allowed" }
        if name == "." || name == ".." { return "Topic name is invalid: '\(name)' is not allowed" }
        if name.utf8.count > characterLimit {
            return "Topic name is invalid: the length of '\(name)' is longer than the max allowed "
                + "length \(characterLimit)"
        }
        if !name.utf8.allSatisfy(isLegal) {
            return "Topic name is invalid: '\(name)' contains one or more characters other than "
                + "ASCII alphanumerics, '.', '_' and '-'"
        }
        return nil
    }

    /// The topic among `names` that `name` would be confused with where a metric's name has "_"
    /// for ".".
    package static func collision(of name: String, with names: some Sequence<String>) -> String? {
        let flat = flattened(name)
        return names.first { $0 != name && flattened($0) == flat }
    }

    /// Topic and partition of a folder's name, such as `orders-3`; nil for any other name.
    package static func partition(ofFolder folder: String) -> TopicPartition? {
        guard let dash = folder.lastIndex(of: "-") else { return nil }
        let topic = String(folder[..<dash])
        let digits = folder[folder.index(after: dash)...]
        guard problem(with: topic) == nil, !digits.isEmpty,
            digits.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
            let index = Int32(digits), String(index) == digits
        else { return nil }
        return TopicPartition(topic, PartitionIndex(index))
    }

    private static func isLegal(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"),
            UInt8(ascii: "-"):
            true
        default: false
        }
    }

    private static func flattened(_ name: String) -> [UInt8] {
        name.utf8.map { $0 == UInt8(ascii: ".") ? UInt8(ascii: "_") : $0 }
    }
}
