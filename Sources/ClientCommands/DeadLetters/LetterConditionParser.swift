import LogModel
import Telemetry
import Terminal

extension LetterConditions {
    /// The words of the language, for the help of the commands.
    static let help = """
        CONDITIONS are joined by and; --where may be given again, which is an and too.
          reason topic operator job exception message replay key header.NAME
                      = one of the texts a,b; != none of them; ~ contains; !~ does not
          partition offset source-partition source-offset attempts
                      = one of 7, 10..20, 10.. ; != none of them
          since until a time in UTC or how long ago: when it became a dead letter
          state       = open, replayed, parked or dropped; open where nothing is said
        Texts with blanks, commas or quotes stand in "double" or 'single' quotes.
        """

    /// Reads conditions; `now` is what spans of time count back from.
    init(_ texts: [String], now: Timestamp) throws(UsageError) {
        var states: Set<LetterState>?
        for text in texts {
            var parser = LetterConditionParser(text)
            for clause in try parser.clauses() {
                if clause.name == "state" {
                    states = (states ?? Set(LetterState.allCases))
                        .intersection(try clause.states())
                } else {
                    conditions.append(LetterCondition(test: try clause.test(now: now)))
                }
            }
        }
        self.states = states ?? [.open]
    }
}

/// Cuts a text into clauses: a name, a comparison, values.
struct LetterConditionParser {
    enum Comparison: String {
        case equal = "="
        case unequal = "!="
        case contains = "~"
        case lacks = "!~"

        var isNegated: Bool { self == .unequal || self == .lacks }
    }

    struct Clause: Equatable {
        var name: String
        var comparison: Comparison
        var values: [String]
    }

    private let text: String
    private var rest: Substring

    init(_ text: String) {
        self.text = text
        rest = text[...]
    }

    mutating func clauses() throws(UsageError) -> [Clause] {
        var clauses: [Clause] = []
        skipBlanks()
        guard !rest.isEmpty else { throw problem("it is empty") }
        while true {
            clauses.append(try clause())
            let hadBlanks = skipBlanks()
            guard !rest.isEmpty else { return clauses }
            let word = rest.prefix { $0.isLetter }
            guard hadBlanks, word == "and" else {
                throw problem(
                    "'\(rest.prefix(20))' is not understood; conditions are joined by and"
                )
            }
            rest.removeFirst(word.count)
            skipBlanks()
        }
    }

    private mutating func clause() throws(UsageError) -> Clause {
        let name = rest.prefix { !"=!~ ".contains($0) }
        rest.removeFirst(name.count)
        skipBlanks()
        let sign = rest.prefix(2)
        let comparison =
            Comparison(rawValue: String(sign)) ?? Comparison(rawValue: String(sign.prefix(1)))
        guard !name.isEmpty, let comparison else {
            throw problem("a condition is a name, one of = != ~ !~, and a value")
        }
        rest.removeFirst(comparison.rawValue.count)
        skipBlanks()
        var values = [try value()]
        while rest.first == "," {
            rest.removeFirst()
            values.append(try value())
        }
        return Clause(name: String(name), comparison: comparison, values: values)
    }

    private mutating func value() throws(UsageError) -> String {
        guard let quote = rest.first, quote == "\"" || quote == "'" else {
            let plain = rest.prefix { !", \"'".contains($0) }
            rest.removeFirst(plain.count)
            return String(plain)
        }
        rest.removeFirst()
        guard let end = rest.firstIndex(of: quote) else { throw problem("a quote is not closed") }
        let quoted = rest[..<end]
        rest = rest[rest.index(after: end)...]
        return String(quoted)
    }

    @discardableResult
    private mutating func skipBlanks() -> Bool {
        let blanks = rest.prefix { $0 == " " }
        rest.removeFirst(blanks.count)
        return !blanks.isEmpty
    }

    private func problem(_ words: String) -> UsageError {
        UsageError("--where \(text): \(words)")
    }
}

extension LetterConditionParser.Clause {
    private static let texts: [(String, LetterCondition.TextSubject)] = [
        ("reason", .reason), ("topic", .topic), ("operator", .operatorName), ("job", .job),
        ("exception", .exception), ("message", .message), ("error", .message),
        ("replay", .replay), ("key", .key),
    ]
    private static let numbers: [(String, LetterCondition.NumberSubject)] = [
        ("partition", .partition), ("offset", .offset), ("source-partition", .sourcePartition),
        ("source-offset", .sourceOffset), ("attempts", .attempts),
    ]
    private static let headerPrefix = "header."

    func states() throws(UsageError) -> Set<LetterState> {
        guard comparison == .equal else { throw problem("a state is compared by =") }
        var states: Set<LetterState> = []
        for value in values {
            guard let state = LetterState(word: value) else {
                throw problem("'\(value)' is none of open, replayed, parked, dropped")
            }
            states.insert(state)
        }
        return states
    }

    func test(now: Timestamp) throws(UsageError) -> LetterCondition.Test {
        if name == "since" || name == "until" {
            let time = try time(before: now)
            return name == "since" ? .since(time) : .until(time)
        }
        if let (_, subject) = Self.numbers.first(where: { $0.0 == name }) {
            guard comparison == .equal || comparison == .unequal else {
                throw problem("a number is compared by = or !=")
            }
            var ranges: [ClosedRange<Int64>] = []
            for value in values { ranges.append(try range(value)) }
            return .within(subject, ranges, isNegated: comparison.isNegated)
        }
        let subject = try textSubject()
        if comparison == .equal || comparison == .unequal {
            return .equals(subject, values.map { Array($0.utf8) }, isNegated: comparison.isNegated)
        }
        guard values.count == 1, let value = values.first, !value.isEmpty else {
            throw problem("\(comparison.rawValue) takes one text")
        }
        return .contains(subject, Array(value.utf8), isNegated: comparison.isNegated)
    }

    private func textSubject() throws(UsageError) -> LetterCondition.TextSubject {
        if let (_, subject) = Self.texts.first(where: { $0.0 == name }) { return subject }
        if name.hasPrefix(Self.headerPrefix), name.count > Self.headerPrefix.count {
            return .header(String(name.dropFirst(Self.headerPrefix.count)))
        }
        let known = Self.texts.map(\.0) + Self.numbers.map(\.0) + ["since", "until", "state"]
        throw UsageError(
            "--where: '\(name)' is nothing that a dead letter has",
            suggestion: Suggestion.nearest(to: name, among: known).map { "did you mean '\($0)'?" }
                ?? "it has \(known.joined(separator: ", ")), header.NAME"
        )
    }

    private func time(before now: Timestamp) throws(UsageError) -> Timestamp {
        guard comparison == .equal, values.count == 1, let value = values.first else {
            throw problem("a time is given by =")
        }
        if let time = CalendarTime.milliseconds(from: value) { return Timestamp(time) }
        guard let span = Duration(argument: value) else {
            throw problem("'\(value)' is no time such as 2026-01-31T05:00:00Z, and no span as 2h")
        }
        return Timestamp(max(now.rawValue - Int64(span.seconds * 1000), 0))
    }

    private func range(_ value: String) throws(UsageError) -> ClosedRange<Int64> {
        let ends = value.split(separator: "..", omittingEmptySubsequences: false)
        if ends.count == 1, let number = Int64(value) { return number...number }
        if ends.count == 2, let first = Int64(ends[0]),
            let last = ends[1].isEmpty ? Int64.max : Int64(ends[1]), first <= last
        {
            return first...last
        }
        throw problem("'\(value)' is no number, and no range as 10..20 or 10..")
    }

    private func problem(_ words: String) -> UsageError {
        UsageError("--where \(name)\(comparison.rawValue)…: \(words)")
    }
}
