/// An option, a flag or a positional argument of a command, declared once as a value and read
/// from the `Invocation` by that same value.
package struct Parameter<Value: Sendable>: Sendable {
    package let declaration: ParameterDeclaration
    let evaluate: @Sendable ([String]) throws(UsageError) -> Value
}

/// What parsing, help and completions know of a parameter, without its type.
package struct ParameterDeclaration: Sendable {
    package enum Kind: Sendable, Equatable {
        case flag
        case option(repeats: Bool)
        case argument(isRequired: Bool, repeats: Bool)
    }

    package var name: String
    package var kind: Kind
    package var placeholder: String
    package var help: String
    package var choices: [String]
    /// What its value is the path of; nil for one that is no path.
    package var paths: PathKind?
    package var defaultText: String?
    /// The value in a box, or why the texts are none.
    let box: @Sendable ([String]) throws(UsageError) -> any Sendable

    /// What it is for, and the words that it takes.
    var meaning: String {
        choices.isEmpty ? help : help + ": " + choices.joined(separator: ", ")
    }

    var isArgument: Bool {
        if case .argument = kind { true } else { false }
    }

    /// How an error or help writes it: `--partitions N`, `TOPIC`.
    package var spelling: String {
        switch kind {
        case .flag: "--\(name)"
        case .option: "--\(name) \(placeholder)"
        case .argument(let isRequired, let repeats):
            (isRequired ? placeholder : "[\(placeholder)]") + (repeats ? "..." : "")
        }
    }
}

/// A value on its way through the untyped dictionary of an `Invocation`.
struct Box<Value: Sendable>: Sendable {
    let value: Value
}

extension Parameter {
    private init(
        _ name: String,
        _ kind: ParameterDeclaration.Kind,
        placeholder: String,
        help: String,
        choices: [String] = [],
        paths: PathKind? = nil,
        defaultText: String? = nil,
        evaluate: @escaping @Sendable ([String]) throws(UsageError) -> Value
    ) {
        self.evaluate = evaluate
        declaration = ParameterDeclaration(
            name: name,
            kind: kind,
            placeholder: placeholder,
            help: help,
            choices: choices,
            paths: paths,
            defaultText: defaultText,
            box: { (texts) throws(UsageError) in Box(value: try evaluate(texts)) }
        )
    }

    /// `--name VALUE`, with a value where it is not given.
    package static func option(
        _ name: String,
        _ kind: ValueKind<Value>,
        default value: Value,
        shown: String? = nil,
        help: String
    ) -> Parameter {
        Parameter(
            name,
            .option(repeats: false),
            placeholder: kind.placeholder,
            help: help,
            choices: kind.choices,
            paths: kind.paths,
            defaultText: shown ?? "\(value)"
        ) { (texts) throws(UsageError) in
            guard let text = texts.last else { return value }
            return try read(text, as: kind, of: "--\(name)")
        }
    }

    /// `--name VALUE`, or nil.
    package static func optional<Wrapped>(
        _ name: String,
        _ kind: ValueKind<Wrapped>,
        help: String
    ) -> Parameter where Value == Wrapped? {
        Parameter(
            name,
            .option(repeats: false),
            placeholder: kind.placeholder,
            help: help,
            choices: kind.choices,
            paths: kind.paths
        ) { (texts) throws(UsageError) in
            guard let text = texts.last else { return nil }
            return try read(text, as: kind, of: "--\(name)")
        }
    }

    /// `--name VALUE` any number of times.
    package static func repeated<Element>(
        _ name: String,
        _ kind: ValueKind<Element>,
        help: String
    ) -> Parameter where Value == [Element] {
        Parameter(
            name,
            .option(repeats: true),
            placeholder: kind.placeholder,
            help: help,
            choices: kind.choices,
            paths: kind.paths
        ) { (texts) throws(UsageError) in
            try readAll(texts, as: kind, of: "--\(name)")
        }
    }

    /// `--name`: true where it is given.
    package static func flag(_ name: String, help: String) -> Parameter where Value == Bool {
        Parameter(name, .flag, placeholder: "", help: help) { !$0.isEmpty }
    }

    /// A positional argument that must be there.
    package static func argument(_ kind: ValueKind<Value>, help: String) -> Parameter {
        Parameter(
            kind.placeholder,
            .argument(isRequired: true, repeats: false),
            placeholder: kind.placeholder,
            help: help,
            choices: kind.choices,
            paths: kind.paths
        ) { (texts) throws(UsageError) in
            guard let text = texts.first else {
                throw UsageError("\(kind.placeholder) is missing: \(help)")
            }
            return try read(text, as: kind, of: kind.placeholder)
        }
    }

    /// A positional argument, or nil.
    package static func optionalArgument<Wrapped>(
        _ kind: ValueKind<Wrapped>,
        help: String
    ) -> Parameter where Value == Wrapped? {
        Parameter(
            kind.placeholder,
            .argument(isRequired: false, repeats: false),
            placeholder: kind.placeholder,
            help: help,
            choices: kind.choices,
            paths: kind.paths
        ) { (texts) throws(UsageError) in
            guard let text = texts.first else { return nil }
            return try read(text, as: kind, of: kind.placeholder)
        }
    }

    /// Every further positional argument, of which there must be one.
    package static func someArguments<Element>(
        _ kind: ValueKind<Element>,
        help: String
    ) -> Parameter where Value == [Element] {
        Parameter(
            kind.placeholder,
            .argument(isRequired: true, repeats: true),
            placeholder: kind.placeholder,
            help: help,
            choices: kind.choices,
            paths: kind.paths
        ) { (texts) throws(UsageError) in
            guard !texts.isEmpty else {
                throw UsageError("\(kind.placeholder) is missing: \(help)")
            }
            return try readAll(texts, as: kind, of: kind.placeholder)
        }
    }

    /// Every further positional argument; none is fine.
    package static func arguments<Element>(
        _ kind: ValueKind<Element>,
        help: String
    ) -> Parameter where Value == [Element] {
        Parameter(
            kind.placeholder,
            .argument(isRequired: false, repeats: true),
            placeholder: kind.placeholder,
            help: help,
            choices: kind.choices,
            paths: kind.paths
        ) { (texts) throws(UsageError) in
            try readAll(texts, as: kind, of: kind.placeholder)
        }
    }
}

private func read<Value>(
    _ text: String,
    as kind: ValueKind<Value>,
    of name: String
) throws(UsageError) -> Value {
    guard let value = kind.parse(text) else {
        let hint = Suggestion.nearest(to: text, among: kind.choices)
        throw UsageError(
            "\(name) takes \(kind.expectation), not '\(text)'",
            suggestion: hint.map { "did you mean '\($0)'?" }
        )
    }
    return value
}

private func readAll<Value>(
    _ texts: [String],
    as kind: ValueKind<Value>,
    of name: String
) throws(UsageError) -> [Value] {
    var values: [Value] = []
    for text in texts { values.append(try read(text, as: kind, of: name)) }
    return values
}
