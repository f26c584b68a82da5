/// How the text of an argument becomes a value, and what help and errors say of it.
package struct ValueKind<Value: Sendable>: Sendable {
    /// What stands for the value in help: `DIR`, `N`.
    package var placeholder: String
    /// What a refused text should have been: "a whole number from 1 on".
    package var expectation: String
    /// The accepted words where they are few: help and completions list them.
    package var choices: [String]
    /// What the value is the path of; nil for one that is no path.
    package var paths: PathKind?
    /// The value, or nil where the text is none.
    package var parse: @Sendable (String) -> Value?

    package init(
        placeholder: String,
        expectation: String,
        choices: [String] = [],
        paths: PathKind? = nil,
        parse: @escaping @Sendable (String) -> Value?
    ) {
        self.placeholder = placeholder
        self.expectation = expectation
        self.choices = choices
        self.paths = paths
        self.parse = parse
    }
}

/// What shells offer where a path is typed.
package enum PathKind: Sendable {
    case file
    case folder
}

extension ValueKind where Value == String {
    /// Any text.
    package static func text(_ placeholder: String) -> ValueKind {
        ValueKind(placeholder: placeholder, expectation: "a text") { $0 }
    }

    /// Any text but the empty one.
    package static func nonemptyText(_ placeholder: String) -> ValueKind {
        ValueKind(placeholder: placeholder, expectation: "a text of at least one character") {
            $0.isEmpty ? nil : $0
        }
    }

    /// A path; an empty one is refused.
    package static func path(_ placeholder: String, _ kind: PathKind = .file) -> ValueKind {
        ValueKind(placeholder: placeholder, expectation: "a path", paths: kind) {
            $0.isEmpty ? nil : $0
        }
    }
}

extension ValueKind where Value == Int {
    /// A whole number within `range`.
    package static func integer(_ range: ClosedRange<Int>, placeholder: String = "N") -> ValueKind {
        let expectation =
            range.upperBound == Int.max
            ? "a whole number from \(range.lowerBound) on"
            : "a whole number from \(range.lowerBound) to \(range.upperBound)"
        return ValueKind(placeholder: placeholder, expectation: expectation) { text in
            guard let value = Int(text), range.contains(value) else { return nil }
            return value
        }
    }
}

extension ValueKind where Value == Duration {
    /// A time span such as `100ms`, greater than zero.
    package static var duration: ValueKind {
        ValueKind(
            placeholder: "TIME",
            expectation: "a duration such as 100ms, 5s, 2m, 1h or 7d"
        ) { text in
            guard let value = Duration(argument: text), value > .zero else { return nil }
            return value
        }
    }
}

extension ValueKind where Value == ByteSize {
    /// A size such as `10MiB`.
    package static var size: ValueKind {
        ValueKind(placeholder: "SIZE", expectation: "a size such as 512, 64KiB, 10MiB or 1GB") {
            ByteSize(argument: $0)
        }
    }
}

extension ValueKind where Value == KeyValueArgument {
    /// Two texts with `=` between them; the first is not empty.
    package static func pair(_ placeholder: String) -> ValueKind {
        ValueKind(placeholder: placeholder, expectation: "\(placeholder), with an = between") {
            KeyValueArgument(argument: $0)
        }
    }
}

extension ValueKind where Value: RawRepresentable & CaseIterable, Value.RawValue == String {
    /// One of the words of an enum.
    package static func choice(_ placeholder: String) -> ValueKind {
        let words = Value.allCases.map(\.rawValue)
        return ValueKind(
            placeholder: placeholder,
            expectation: "one of \(words.joined(separator: ", "))",
            choices: words
        ) { Value(rawValue: $0) }
    }
}

/// `name=value`.
package struct KeyValueArgument: Sendable, Equatable {
    package var key: String
    package var value: String

    /// Cuts at the first `=`, whatever combines with it; nil without one or with nothing before it.
    package init?(argument: String) {
        let marks = argument.unicodeScalars
        guard let cut = marks.firstIndex(of: "="), cut > marks.startIndex else { return nil }
        key = String(marks[..<cut])
        value = String(marks[marks.index(after: cut)...])
    }
}

extension [KeyValueArgument] {
    /// The first name that stands there twice: which of its values counts, nobody should guess.
    package var repeatedKey: String? {
        var seen: Set<String> = []
        return first { !seen.insert($0.key).inserted }?.key
    }
}
