/// Settings as Java reads a properties file: a name, then `=`, `:` or white space, then the value.
///
/// Lines that begin with `#` or `!` say nothing. A backslash at the end of a line continues it in
/// the next one, without that one's indentation; two are a backslash. Before another character it
/// stands for that, or for a tab, a line's end or a code (`\t`, `\n`, `\r`, `\f`, `\u00e4`). Of two
/// of a name the last one counts. White space behind a value is none of it, as Kafka has it. The
/// text is UTF-8.
enum JavaProperties {
    /// Nil where a code has not four digits.
    static func read(_ text: String) -> [String: String]? {
        var properties: [String: String] = [:]
        for line in logicalLines(text) {
            let end = nameEnd(of: line)
            guard let name = unescaped(line[..<end]),
                let value = unescaped(value(of: line, behind: end))
            else { return nil }
            properties[name] = value
        }
        return properties
    }

    private typealias Scalars = [Unicode.Scalar]

    /// The lines that say something, continued ones as one, without indentation.
    private static func logicalLines(_ text: String) -> [Scalars] {
        var lines: [Scalars] = []
        var begun: Scalars?
        // A line feed behind a carriage return ends an empty line, which says nothing, but would
        // end what is to be continued.
        let ends = text.unicodeScalars.split(omittingEmptySubsequences: false) { $0 == "\n" }
            .map { $0.last == "\r" ? $0.dropLast() : $0 }
            .flatMap { $0.split(omittingEmptySubsequences: false) { $0 == "\r" } }
        for natural in ends {
            let line = natural.drop(while: isBlank)
            if begun == nil, line.isEmpty || line.first == "#" || line.first == "!" { continue }
            let backslashCount = line.reversed().prefix { $0 == "\\" }.count
            let isContinued = backslashCount % 2 == 1
            let whole = (begun ?? []) + (isContinued ? line.dropLast() : line)
            begun = isContinued ? whole : nil
            if !isContinued, !whole.isEmpty { lines.append(whole) }
        }
        if let begun, !begun.isEmpty { lines.append(begun) }
        return lines
    }

    private static func isBlank(_ scalar: Unicode.Scalar) -> Bool {
        scalar == " " || scalar == "\t" || scalar == "\u{C}"
    }

    private static func nameEnd(of line: Scalars) -> Int {
        var index = 0
        while index < line.count {
            if line[index] == "\\" {
                index += 2
                continue
            }
            if isBlank(line[index]) || line[index] == "=" || line[index] == ":" { return index }
            index += 1
        }
        return line.count
    }

    private static func value(of line: Scalars, behind nameEnd: Int) -> ArraySlice<Unicode.Scalar> {
        var rest = line[nameEnd...].drop(while: isBlank)
        if rest.first == "=" || rest.first == ":" { rest = rest.dropFirst().drop(while: isBlank) }
        while let last = rest.last, isBlank(last), rest.dropLast().last != "\\" {
            rest = rest.dropLast()
        }
        return rest
    }

    private static func unescaped(_ text: ArraySlice<Unicode.Scalar>) -> String? {
        var units: [UInt16] = []
        var rest = text
        while let scalar = rest.popFirst() {
            guard scalar == "\\" else {
                units += Array(String(scalar).utf16)
                continue
            }
            guard let escaped = rest.popFirst() else { break }
            switch escaped {
            case "t": units.append(9)
            case "n": units.append(10)
            case "f": units.append(12)
            case "r": units.append(13)
            case "u":
                let digits = String(String.UnicodeScalarView(rest.prefix(4)))
                guard digits.utf8.count == 4, digits.utf8.allSatisfy(isHexadecimal),
                    let unit = UInt16(digits, radix: 16)
                else { return nil }
                units.append(unit)
                rest = rest.dropFirst(4)
            default: units += Array(String(escaped).utf16)
            }
        }
        return String(decoding: units, as: UTF16.self)
    }

    private static func isHexadecimal(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"),
            UInt8(ascii: "A")...UInt8(ascii: "F"):
            true
        default: false
        }
    }
}
