/// What a benchmark of the log measured, by the names that its JSON has.
package struct BenchmarkFigures: Sendable {
    private enum Figure {
        case count(Int64)
        case decimal(Double)
        case truth(Bool)
    }

    private var figures: [(name: String, figure: Figure)] = []

    package init() {}

    mutating func add(_ name: String, count: Int64) { figures.append((name, .count(count))) }

    mutating func add(_ name: String, decimal: Double) {
        figures.append((name, .decimal((decimal * 1000).rounded() / 1000)))
    }

    mutating func add(_ name: String, truth: Bool) { figures.append((name, .truth(truth))) }

    /// Adds a span of time, in milliseconds to the microsecond.
    package mutating func add(_ name: String, nanoseconds: UInt64) {
        add(name, decimal: Double(nanoseconds) / 1e6)
    }

    /// One JSON object on one line.
    package var json: String {
        let fields = texts { "\($0)" }.map { "\"\($0.name)\":\($0.text)" }
        return "{\(fields.joined(separator: ","))}"
    }

    /// One line for a person, who reads counts as `count` writes them.
    package func line(count: (Int64) -> String) -> String {
        texts(count).map { "\($0.name.replacing("_", with: " ")): \($0.text)" }
            .joined(separator: ", ")
    }

    private func texts(_ spelled: (Int64) -> String) -> [(name: String, text: String)] {
        figures.map { name, figure in
            switch figure {
            case .count(let count): (name, spelled(count))
            case .decimal(let value): (name, "\(value)")
            case .truth(let isSo): (name, "\(isSo)")
            }
        }
    }
}

extension BenchmarkFigures {
    /// The smallest of `spans` that at least `percent` in a hundred do not exceed.
    static func percentile(_ percent: Int, of spans: [UInt64]) -> UInt64 {
        precondition(!spans.isEmpty, "nothing was measured")
        let rank = (spans.count * percent + 99) / 100
        return spans.sorted()[max(rank, 1) - 1]
    }
}
