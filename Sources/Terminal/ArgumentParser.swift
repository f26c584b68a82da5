/// Turns words into an invocation of one of a program's commands.
package struct ArgumentParser: Sendable {
    package enum Outcome: Sendable {
        case run(Command, Invocation)
        case help(Command, path: [String])
    }

    package let root: Command

    package init(_ root: Command) { self.root = root }

    /// Understands `words`, the program's own name not among them.
    package func parse(_ words: [String]) throws(UsageError) -> Outcome {
        var command = root
        var path = [root.name]
        var rest = words[...]
        while !command.subcommands.isEmpty {
            guard let word = rest.popFirst() else { return .help(command, path: path) }
            if word == "help" || word == "--help" || word == "-h" {
                return try help(for: rest, below: command, path: path)
            }
            guard let next = command.subcommands.first(where: { $0.name == word }) else {
                throw unknown(word, of: command, path: path)
            }
            command = next
            path.append(word)
        }
        let end = rest.firstIndex(of: "--") ?? rest.endIndex
        if rest[..<end].contains(where: { $0 == "--help" || $0 == "-h" }) {
            return .help(command, path: path)
        }
        let texts = try collect(rest, for: command, path: path)
        return .run(command, try Invocation(path: path, command: command, texts: texts))
    }

    /// `help topic create`: the help of the command that the words name.
    private func help(
        for words: ArraySlice<String>,
        below start: Command,
        path: [String]
    ) throws(UsageError) -> Outcome {
        var command = start
        var path = path
        for word in words where !word.hasPrefix("-") {
            guard let next = command.subcommands.first(where: { $0.name == word }) else {
                throw unknown(word, of: command, path: path)
            }
            command = next
            path.append(word)
        }
        return .help(command, path: path)
    }

    private func unknown(_ word: String, of command: Command, path: [String]) -> UsageError {
        let what = word.hasPrefix("-") ? "option" : "command"
        let hint = Suggestion.nearest(to: word, among: command.subcommands.map(\.name))
        return UsageError(
            "unknown \(what) '\(word)'",
            suggestion: hint.map { "did you mean '\($0)'?" },
            path: path
        )
    }

    /// The texts of each parameter by its name.
    private func collect(
        _ words: ArraySlice<String>,
        for command: Command,
        path: [String]
    ) throws(UsageError) -> [String: [String]] {
        var texts: [String: [String]] = [:]
        var free: [String] = []
        var rest = words
        while let word = rest.popFirst() {
            if word == "--" {
                free += rest
                break
            }
            guard word.hasPrefix("-"), word.count > 1, Int(word) == nil else {
                free.append(word)
                continue
            }
            try take(option: word, from: &rest, for: command, path: path, into: &texts)
        }
        try place(free, for: command, path: path, into: &texts)
        return texts
    }

    private func take(
        option word: String,
        from rest: inout ArraySlice<String>,
        for command: Command,
        path: [String],
        into texts: inout [String: [String]]
    ) throws(UsageError) {
        let options = command.parameters.filter { !$0.isArgument }
        let body = word.drop { $0 == "-" }
        let name = String(body.unicodeScalars.prefix { $0 != "=" })
        guard word.hasPrefix("--"), let option = options.first(where: { $0.name == name }) else {
            let hint = Suggestion.nearest(to: name, among: options.map(\.name) + ["help"])
            var suggestions = hint.map { ["did you mean '--\($0)'?"] } ?? []
            // Two dashes and nearly an option's name are a slip.
            let isSlip = hint != nil && word.hasPrefix("--")
            if !isSlip, let argument = command.parameters.first(where: \.isArgument) {
                suggestions.append(
                    "\(argument.placeholder) that begins with a dash goes behind --, at the end: "
                        + "-- \(word)"
                )
            }
            throw UsageError(
                "unknown option '\(word.prefix { $0 != "=" })'",
                suggestion: suggestions.isEmpty ? nil : suggestions.joined(separator: " "),
                path: path
            )
        }
        var value: String? = nil
        if name.utf8.count < body.utf8.count {
            value = String(body.unicodeScalars.dropFirst(name.unicodeScalars.count + 1))
        }
        if option.kind == .flag {
            guard value == nil else { throw UsageError("--\(name) takes no value", path: path) }
            texts[name, default: []].append("")
            return
        }
        guard let text = value ?? rest.popFirst() else {
            throw UsageError("--\(name) needs a value: \(option.spelling)", path: path)
        }
        if option.kind == .option(repeats: false), texts[name] != nil {
            throw UsageError("--\(name) is given twice", path: path)
        }
        texts[name, default: []].append(text)
    }

    private func place(
        _ words: [String],
        for command: Command,
        path: [String],
        into texts: inout [String: [String]]
    ) throws(UsageError) {
        var rest = words[...]
        for argument in command.parameters where argument.isArgument {
            if case .argument(isRequired: _, repeats: true) = argument.kind {
                texts[argument.name] = Array(rest)
                rest = []
            } else if let word = rest.popFirst() {
                texts[argument.name] = [word]
            }
        }
        if let word = rest.first {
            throw UsageError("'\(word)' is one argument too many", path: path)
        }
    }
}
