/// A text for a terminal: what moves its cursor, ends a line or turns the direction of writing is
/// shown as `\u{1b}`.
package func visible(_ text: String) -> String {
    guard hasUnseen(text) else { return text }
    var result = ""
    for scalar in text.unicodeScalars {
        if isUnseen(scalar) {
            result += "\\u{\(String(scalar.value, radix: 16))}"
        } else {
            result.unicodeScalars.append(scalar)
        }
    }
    return result
}

/// Whether something in the text is not shown by a terminal, or moves its cursor.
package func hasUnseen(_ text: String) -> Bool { text.unicodeScalars.contains(where: isUnseen) }

private func isUnseen(_ scalar: Unicode.Scalar) -> Bool {
    // Joins what is one sign, as a family of emoji.
    if scalar == "\u{200D}" || scalar == "\u{200C}" { return false }
    return switch scalar.properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate: true
    default: false
    }
}
