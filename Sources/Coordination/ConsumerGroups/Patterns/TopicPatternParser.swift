/// Reads an expression. What RE2 has and this does not is refused, never taken for something else.
struct TopicPatternParser {
    typealias Set = TopicPattern.CharacterSet

    private static let repetitionLimit = 1_000

    static let digit = range("0", "9")
    static let word = digit | range("a", "z") | range("A", "Z") | only("_")
    static let space = only(" ") | only("\t") | only("\n") | only("\r") | only("\u{c}")
    private static let lineEnd = only("\n")

    private let text: [Unicode.Scalar]
    private var position = 0
    private var depth = 0

    init(_ text: String) { self.text = Array(text.unicodeScalars) }

    mutating func parse() throws(TopicPatternError) -> TopicPatternNode {
        let node = try parseChoice()
        guard position == text.count else { throw TopicPatternError("unexpected )") }
        return node
    }

    private var next: Unicode.Scalar? { position < text.count ? text[position] : nil }

    private mutating func take(_ words: String) -> Bool {
        let wanted = Array(words.unicodeScalars)
        guard text.dropFirst(position).starts(with: wanted) else { return false }
        position += wanted.count
        return true
    }

    private mutating func parseChoice() throws(TopicPatternError) -> TopicPatternNode {
        depth += 1
        defer { depth -= 1 }
        guard depth <= TopicPattern.depthLimit else {
            throw TopicPatternError("expression nests too deeply")
        }
        var choices = [try parseSequence()]
        while take("|") { choices.append(try parseSequence()) }
        return choices.count == 1 ? choices[0] : .choice(choices)
    }

    private mutating func parseSequence() throws(TopicPatternError) -> TopicPatternNode {
        var nodes: [TopicPatternNode] = []
        while let scalar = next, scalar != "|", scalar != ")" {
            if take("\\Q") {
                while position < text.count, !take("\\E") {
                    nodes.append(.character(Self.only(text[position])))
                    position += 1
                }
                continue
            }
            nodes.append(try parseRepetition(of: try parseItem()))
        }
        return .sequence(nodes)
    }

    // MARK: Repetitions

    private mutating func parseRepetition(
        of node: TopicPatternNode
    ) throws(TopicPatternError) -> TopicPatternNode {
        let start = position
        guard let bounds = try parseBounds() else { return node }
        // Whether more or less is preferred is all one where the whole has to match.
        _ = take("?")
        let end = position
        if try parseBounds() != nil {
            throw TopicPatternError(
                "invalid nested repetition operator: \(words(start, position))"
            )
        }
        precondition(position == end, "bounds that are none were passed over")
        return .repetition(node, atLeast: bounds.least, atMost: bounds.most)
    }

    private mutating func parseBounds() throws(TopicPatternError) -> (least: Int, most: Int?)? {
        if take("*") { return (0, nil) }
        if take("+") { return (1, nil) }
        if take("?") { return (0, 1) }
        let start = position
        guard take("{") else { return nil }
        // Braces with anything else in them stand for themselves.
        guard let least = takeNumber() else {
            position = start
            return nil
        }
        var most: Int? = least
        if take(",") { most = takeNumber() }
        guard take("}") else {
            position = start
            return nil
        }
        guard least <= Self.repetitionLimit, most ?? 0 <= Self.repetitionLimit,
            least <= most ?? least
        else {
            throw TopicPatternError("invalid repeat count: \(words(start, position))")
        }
        return (least, most)
    }

    /// A number below ten thousand; longer ones are no bounds that anybody may have.
    private mutating func takeNumber() -> Int? {
        var value: Int?
        while let scalar = next, ("0"..."9").contains(scalar) {
            position += 1
            value = min((value ?? 0) * 10 + Int(scalar.value - 48), 10_000)
        }
        return value
    }

    private func words(_ start: Int, _ end: Int) -> String {
        var words = ""
        words.unicodeScalars.append(contentsOf: text[start..<end])
        return words
    }

    // MARK: Items

    private mutating func parseItem() throws(TopicPatternError) -> TopicPatternNode {
        let scalar = text[position]
        position += 1
        switch scalar {
        case "(": return try parseGroup()
        case "[": return .character(try parseClass())
        case ".": return .character(~Self.lineEnd)
        case "^": return .assertion(.beginning)
        case "$": return .assertion(.end)
        case "\\": return try parseEscape()
        case "*", "+", "?":
            throw TopicPatternError("missing argument to repetition operator: \(scalar)")
        default: return .character(Self.only(scalar))
        }
    }

    private mutating func parseGroup() throws(TopicPatternError) -> TopicPatternNode {
        if take("?"), !take(":") {
            guard take("P<") || take("<") else {
                throw TopicPatternError("invalid or unsupported Perl syntax: (?")
            }
            let start = position
            while let scalar = next, Self.only(scalar) & Self.word != 0 { position += 1 }
            guard position > start, take(">") else {
                throw TopicPatternError("invalid named capture")
            }
        }
        let node = try parseChoice()
        guard take(")") else { throw TopicPatternError("missing closing )") }
        return node
    }

    private mutating func parseEscape() throws(TopicPatternError) -> TopicPatternNode {
        guard let scalar = next else {
            throw TopicPatternError("trailing \\ at end of expression")
        }
        position += 1
        switch scalar {
        case "b": return .assertion(.wordBoundary(isWanted: true))
        case "B": return .assertion(.wordBoundary(isWanted: false))
        case "A": return .assertion(.beginning)
        case "z": return .assertion(.end)
        default: return .character(try Self.escaped(scalar))
        }
    }

    private mutating func parseClass() throws(TopicPatternError) -> Set {
        let isNegated = take("^")
        var set: Set = 0
        var isFirst = true
        while isFirst || next != "]" {
            guard let scalar = next else { throw TopicPatternError("missing closing ]") }
            if text.dropFirst(position).starts(with: "[:".unicodeScalars) {
                throw TopicPatternError("invalid character class range: [:")
            }
            isFirst = false
            position += 1
            var first: Unicode.Scalar? = scalar
            if scalar == "\\" { first = try parseClassEscape(&set) }
            guard let first else { continue }
            guard next == "-", position + 1 < text.count, text[position + 1] != "]" else {
                set |= Self.only(first)
                continue
            }
            let start = position - 1
            position += 2
            var last: Unicode.Scalar? = text[position - 1]
            if last == "\\" { last = try parseClassEscape(&set) }
            guard let last, first <= last else {
                throw TopicPatternError(
                    "invalid character class range: \(words(start, position))"
                )
            }
            set |= Self.range(first, last)
        }
        position += 1
        return isNegated ? ~set : set
    }

    /// Puts a class into the set, or returns the one character that an escape stands for.
    private mutating func parseClassEscape(
        _ set: inout Set
    ) throws(TopicPatternError) -> Unicode.Scalar? {
        guard let scalar = next else { throw TopicPatternError("missing closing ]") }
        position += 1
        if let character = Self.character(escapedAs: scalar) { return character }
        set |= try Self.escaped(scalar)
        return nil
    }

    // MARK: Sets

    private static func escaped(
        _ scalar: Unicode.Scalar
    ) throws(TopicPatternError) -> Set {
        switch scalar {
        case "d": return digit
        case "D": return ~digit
        case "w": return word
        case "W": return ~word
        case "s": return space
        case "S": return ~space
        default:
            guard let character = character(escapedAs: scalar) else {
                throw TopicPatternError("invalid escape sequence: \\\(scalar)")
            }
            return only(character)
        }
    }

    /// The one character that an escape stands for. Letters and digits mean, or may mean, something
    /// else.
    private static func character(escapedAs scalar: Unicode.Scalar) -> Unicode.Scalar? {
        switch scalar {
        case "t": return "\t"
        case "n": return "\n"
        case "r": return "\r"
        default:
            guard scalar.value < 128, only(scalar) & word == 0 || scalar == "_" else { return nil }
            return scalar
        }
    }

    /// None for a character that no name has.
    private static func only(_ scalar: Unicode.Scalar) -> Set {
        scalar.value < 128 ? 1 << Set(scalar.value) : 0
    }

    private static func range(_ first: Unicode.Scalar, _ last: Unicode.Scalar) -> Set {
        guard first.value < 128 else { return 0 }
        return (first.value...min(last.value, 127)).reduce(0) { $0 | 1 << Set($1) }
    }
}
