/// A number of bytes as people write it.
package struct ByteSize: Sendable, Equatable, CustomStringConvertible {
    package var byteCount: Int

    package init(byteCount: Int) { self.byteCount = byteCount }

    /// Reads `512`, `64KiB`, `10MiB`, `1.5GB`: powers of 1024 with an `i`, of 1000 without; and
    /// `64k`, `512m`, `2g`, which are powers of 1024 wherever memory is given to processes.
    package init?(argument: String) {
        let units: [(String, Double)] = [
            ("", 1), ("b", 1), ("kib", 1024), ("mib", 1_048_576), ("gib", 1_073_741_824),
            ("tib", 1_099_511_627_776), ("k", 1024), ("m", 1_048_576), ("g", 1_073_741_824),
            ("kb", 1e3), ("mb", 1e6), ("gb", 1e9), ("tb", 1e12),
        ]
        guard let value = scaled(argument.lowercased(), by: units) else { return nil }
        byteCount = Int(value)
    }

    /// Three digits at most: `512 B`, `1.4 MiB`.
    package var description: String {
        var value = Double(byteCount)
        var unit = 0
        let names = ["B", "KiB", "MiB", "GiB", "TiB"]
        while value >= 1024 && unit < names.count - 1 {
            value /= 1024
            unit += 1
        }
        return unit == 0 ? "\(byteCount) B" : "\(decimal(value, places: 1)) \(names[unit])"
    }
}

extension Duration {
    /// Reads `100ms`, `1.5s`, `2m`, `1h`, `7d`; a bare number is refused, its unit is a guess.
    package init?(argument: String) {
        let units: [(String, Double)] = [
            ("us", 1e3), ("ms", 1e6), ("s", 1e9), ("m", 60e9), ("h", 3600e9), ("d", 86400e9),
        ]
        guard let value = scaled(argument, by: units) else { return nil }
        self = .nanoseconds(Int64(value))
    }

    /// The span in seconds.
    package var seconds: Double {
        let (seconds, attoseconds) = components
        return Double(seconds) + Double(attoseconds) / 1e18
    }

    /// For people: `120ms`, `3.2s`, `4m10s`, `2h05m`.
    package var spelled: String {
        let seconds = self.seconds
        if seconds < 1 { return "\(Int((seconds * 1000).rounded()))ms" }
        if seconds < 60 { return "\(decimal(seconds, places: 1))s" }
        let whole = Int(seconds.rounded())
        if whole < 3600 { return "\(whole / 60)m\(padded(whole % 60))s" }
        return "\(whole / 3600)h\(padded(whole % 3600 / 60))m"
    }

    private func padded(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
}

/// `1234567` as `1,234,567`.
package func grouped(_ value: Int) -> String {
    var digits = String(value.magnitude)
    var index = digits.count - 3
    while index > 0 {
        digits.insert(",", at: digits.index(digits.startIndex, offsetBy: index))
        index -= 3
    }
    return value < 0 ? "-" + digits : digits
}

/// `1 record`, `1,234 records`.
package func counted(_ value: Int, _ noun: String, plural: String? = nil) -> String {
    "\(grouped(value)) \(value == 1 ? noun : plural ?? noun + "s")"
}

/// A number with exactly `places` digits behind the point, rounded to the nearest.
package func decimal(_ value: Double, places: Int) -> String {
    precondition((0...9).contains(places))
    guard value.isFinite, value.magnitude < 1e15 else { return "\(value)" }
    var scale = 1
    for _ in 0..<places { scale *= 10 }
    let shifted = (value.magnitude * Double(scale)).rounded()
    let sign = value < 0 && shifted > 0 ? "-" : ""
    let (whole, fraction) = Int64(shifted).quotientAndRemainder(dividingBy: Int64(scale))
    guard places > 0 else { return "\(sign)\(whole)" }
    let digits = String(fraction)
    return "\(sign)\(whole)." + String(repeating: "0", count: places - digits.count) + digits
}

/// A decimal number followed by one of `units`; nil for anything else, or beyond Int64.
private func scaled(_ text: String, by units: [(String, Double)]) -> Double? {
    let end = text.firstIndex { !($0.isASCII && $0.isNumber || $0 == ".") } ?? text.endIndex
    guard end > text.startIndex, let number = Double(text[..<end]),
        let unit = units.first(where: { $0.0 == text[end...] })
    else { return nil }
    let value = number * unit.1
    return value < 9.2e18 ? value : nil
}
