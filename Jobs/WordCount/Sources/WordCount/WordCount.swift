import Millrace

enum Topics {
    static let lines = Topic("lines", value: .utf8)
    static let counts = Topic("word-counts", key: .utf8, value: .int64)
}

/// Counts words. Every update is written, so a word that occurs n times gives 1, 2, … n.
@main
struct WordCount: StreamJob {
    static let name = "word-count"

    var topology: [Statement] {
        stream(Topics.lines)
            .flatMapValues { line -> [String] in words(of: line) }
            .groupBy({ $0 }, via: "by-word", key: .utf8)
            .count(store: "counts")
            .to(Topics.counts)
    }
}

/// The maximal runs of a-z and ' after the letters A-Z are made small.
func words(of line: String) -> [String] {
    var words: [String] = []
    var word: [UInt8] = []
    for byte in line.utf8 {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "'"):
            word.append(byte)
        case UInt8(ascii: "A")...UInt8(ascii: "Z"):
            word.append(byte | 0x20)
        default:
            if !word.isEmpty { words.append(String(decoding: word, as: UTF8.self)) }
            word.removeAll(keepingCapacity: true)
        }
    }
    if !word.isEmpty { words.append(String(decoding: word, as: UTF8.self)) }
    return words
}
