import Terminal

/// A command of Millrace's on a data directory, as a shell takes it: errors name it as what to do
/// next.
package func nextCommand(_ words: CommandWords, data: String) -> String {
    words.command(options: "--data \(shellWord(data))")
}

/// The words of a command, with the names that it is about: `"topic describe \(argument: name)"`. A
/// name that begins like an option goes to the end, behind the double dash that says it is none.
package struct CommandWords: ExpressibleByStringInterpolation, Sendable {
    private var text: String
    private var arguments: [String] = []

    package init(stringLiteral text: String) { self.text = text }

    package init(stringInterpolation: StringInterpolation) {
        text = stringInterpolation.text
        arguments = stringInterpolation.arguments
    }

    /// The whole command with the options that say which log it is for.
    package func command(options: String) -> String {
        let behind = arguments.isEmpty ? "" : " -- \(arguments.joined(separator: " "))"
        return "millrace \(text) \(options)\(behind)"
    }

    package struct StringInterpolation: StringInterpolationProtocol {
        fileprivate var text = ""
        fileprivate var arguments: [String] = []

        package init(literalCapacity: Int, interpolationCount: Int) {}

        package mutating func appendLiteral(_ literal: String) { text += literal }

        package mutating func appendInterpolation(_ value: some CustomStringConvertible) {
            text += value.description
        }

        /// A name from outside, quoted where a shell would take it for something else.
        package mutating func appendInterpolation(argument: String) {
            guard argument.hasPrefix("-") else {
                text += shellWord(argument)
                return
            }
            arguments.append(shellWord(argument))
            // Its place is gone, and so is the blank in front.
            if text.last == " " { text.removeLast() }
        }
    }
}

/// A word as a shell takes it, quoted only where it must be.
package func shellWord(_ text: String) -> String {
    let isPlain = text.utf8.allSatisfy { byte in
        (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte)
            || "/._-+,:@%=".utf8.contains(byte)
    }
    guard !isPlain || text.isEmpty else { return text }
    guard !hasUnseen(text) else { return escapedWord(text) }
    return "'"
        + text.split(separator: "'", omittingEmptySubsequences: false)
        .joined(separator: "'\\''") + "'"
}

/// With what a terminal would not show written as bytes: a form of bash, zsh and POSIX of 2024.
private func escapedWord(_ text: String) -> String {
    var word = "$'"
    for scalar in text.unicodeScalars {
        if hasUnseen(String(scalar)) {
            for byte in String(scalar).utf8 {
                let digits = String(byte, radix: 8)
                word += "\\" + String(repeating: "0", count: 3 - digits.utf8.count) + digits
            }
        } else {
            if scalar == "'" || scalar == "\\" { word += "\\" }
            word.unicodeScalars.append(scalar)
        }
    }
    return word + "'"
}

/// A path that no tool takes for an option, though it begins with a dash.
package func plainPath(_ path: String) -> String { path.hasPrefix("-") ? "./" + path : path }

/// A path as a shell takes it where it stands by itself.
package func shellPath(_ path: String) -> String { shellWord(plainPath(path)) }
