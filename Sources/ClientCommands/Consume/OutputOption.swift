import Terminal

/// How records are printed, as a command line says it.
enum OutputOption {
    enum Form: String, CaseIterable, Sendable {
        case text
        case json
        case lengthPrefixed = "length-prefixed"
    }

    private static let output = Parameter.option(
        "output",
        ValueKind<Form>.choice("FORM"),
        default: .text,
        shown: "text",
        help: "as --format says; a JSON object a line, with all there is of a record; or the bytes "
            + "of key and value, each with its length in front"
    )
    private static let format = Parameter.option(
        "format",
        RecordFormat.kind,
        default: RecordFormat.valueLine,
        shown: "%s\\n",
        help: "%t topic, %p partition, %o offset, %k key, %s value, %T time, %h headers, "
            + "%K and %S byte counts; \(EscapedText.known)"
    )
    private static let key = Parameter.option(
        "key",
        ValueKind<ValueFormat>.choice("TYPE"),
        default: .utf8,
        shown: "utf8",
        help: "what keys are"
    )
    private static let value = Parameter.option(
        "value",
        ValueKind<ValueFormat>.choice("TYPE"),
        default: .utf8,
        shown: "utf8",
        help: "what values are"
    )
    private static let time = Parameter.option(
        "time",
        ValueKind<TimeFormat>.choice("FORM"),
        default: .milliseconds,
        shown: "ms",
        help: "%T as milliseconds since 1970, or as 2013-01-31T05:00:00.000Z"
    )
    private static let null = Parameter.option(
        "null",
        .escapedText("TEXT"),
        default: EscapedText(bytes: []),
        shown: "",
        help: "what is printed for null, which is not the same as empty"
    )

    /// What every command declares that prints records.
    static let parameters: [ParameterDeclaration] = [output.declaration] + ofText

    private static let ofText = [
        format.declaration, key.declaration, value.declaration, time.declaration, null.declaration,
    ]

    static func style(_ invocation: Invocation) throws(UsageError) -> RecordStyle {
        switch invocation[output] {
        case .json:
            try invocation.refuse(
                ofText,
                because: "is for --output text: JSON has the bytes as they are"
            )
            return .json
        case .lengthPrefixed:
            try invocation.refuse(
                ofText,
                because: "is for --output text: length-prefixed are the bytes as they are"
            )
            return .lengthPrefixed
        case .text:
            return .text(
                RecordText(
                    format: invocation[format],
                    key: invocation[key],
                    value: invocation[value],
                    time: invocation[time],
                    null: invocation[null].bytes
                )
            )
        }
    }
}

extension RecordFormat {
    /// A value on each line.
    static let valueLine = RecordFormat(parts: [.value, .text([UInt8(ascii: "\n")])])

    init(parts: [Part]) { self.parts = parts }
}
