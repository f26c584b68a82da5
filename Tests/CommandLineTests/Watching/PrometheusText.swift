/// Prometheus's text format, read as strictly as its description says: for tests of what we write.
struct PrometheusText {
    struct Broken: Error {
        var line: String
        var reason: String
    }

    struct Sample: Hashable {
        var name: String
        var labels: [String: String]
    }

    private(set) var values: [Sample: Double] = [:]
    /// By the name of the metric.
    private(set) var types: [String: String] = [:]
    private(set) var isEnded = false

    init(_ text: String) throws {
        guard text.hasSuffix("\n") else { throw Broken(line: "", reason: "no line end") }
        var helped: Set<String> = []
        var ended: Set<String> = []
        var current = ""
        for line in text.dropLast().split(separator: "\n", omittingEmptySubsequences: false) {
            guard !isEnded else { throw Broken(line: "\(line)", reason: "behind the end") }
            let words = line.split(separator: " ", maxSplits: 3).map(String.init)
            if words.first == "#" {
                if line == "# EOF" {
                    isEnded = true
                    continue
                }
                guard words.count == 4 else { throw Broken(line: "\(line)", reason: "too short") }
                if words[2] != current {
                    guard ended.insert(words[2]).inserted else {
                        throw Broken(line: "\(line)", reason: "the metric comes twice")
                    }
                    current = words[2]
                }
                if words[1] == "HELP" { helped.insert(words[2]) }
                if words[1] == "TYPE" { types[words[2]] = words[3] }
                continue
            }
            let (sample, value) = try Self.sample(line)
            guard sample.name.hasPrefix(current), types[current] != nil, helped.contains(current)
            else { throw Broken(line: "\(line)", reason: "not of the metric before it") }
            guard values.updateValue(value, forKey: sample) == nil else {
                throw Broken(line: "\(line)", reason: "the sample comes twice")
            }
        }
    }

    subscript(name: String, labels: [String: String]) -> Double? {
        values[Sample(name: name, labels: labels)]
    }

    private static func sample(_ line: Substring) throws -> (Sample, Double) {
        var rest = line
        let name = rest.prefix { $0.isASCII && ($0.isLetter || $0.isNumber || "_:".contains($0)) }
        rest = rest.dropFirst(name.count)
        var labels: [String: String] = [:]
        if rest.first == "{" {
            rest = rest.dropFirst()
            while rest.first != "}" {
                let label = rest.prefix { $0 != "=" }
                rest = rest.dropFirst(label.count)
                guard rest.hasPrefix("=\"") else { throw Broken(line: "\(line)", reason: "label") }
                rest = rest.dropFirst(2)
                labels[String(label)] = try quoted(&rest, line)
                if rest.first == "," { rest = rest.dropFirst() }
            }
            rest = rest.dropFirst()
        }
        guard !name.isEmpty, rest.first == " ", let value = Double(rest.dropFirst()) else {
            throw Broken(line: "\(line)", reason: "value")
        }
        return (Sample(name: String(name), labels: labels), value)
    }

    /// Up to the quotation mark that ends the text, without it.
    private static func quoted(_ rest: inout Substring, _ line: Substring) throws -> String {
        var text = String.UnicodeScalarView()
        var isEscaped = false
        var scalars = rest.unicodeScalars
        while let scalar = scalars.popFirst() {
            if isEscaped {
                guard scalar == "n" || scalar == "\\" || scalar == "\"" else {
                    throw Broken(line: "\(line)", reason: "escape")
                }
                text.append(scalar == "n" ? "\n" : scalar)
                isEscaped = false
            } else if scalar == "\\" {
                isEscaped = true
            } else if scalar == "\"" {
                rest = Substring(scalars)
                return String(text)
            } else {
                text.append(scalar)
            }
        }
        throw Broken(line: "\(line)", reason: "no end of the text")
    }
}
