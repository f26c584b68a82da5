import LogModel

/// A moment as an envelope writes it, `2026-03-01T12:00:00.250Z` (ISO 8601, RFC 3339).
///
/// Read are also other fractions of a second, cut to milliseconds, offsets such as `+02:00`, and a
/// number: milliseconds since 1970. A moment outside the years 0 to 9999 is written as a number.
struct EventTime: Codable, Sendable {
    let timestamp: Timestamp

    init(_ timestamp: Timestamp) { self.timestamp = timestamp }

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let number = try? container.decode(Int64.self) {
            guard Self.range.contains(number) else {
                throw DecodingError.dataCorruptedError(
                    in: container,
                    debugDescription: "\(number), where a time is within "
                        + "\(Self.range.upperBound) milliseconds of 1970"
                )
            }
            timestamp = Timestamp(number)
            return
        }
        let text = try container.decode(String.self)
        guard let read = Self.read(text) else {
            throw DecodingError.dataCorruptedError(
                in: container,
                debugDescription: "\"\(text.prefix(40))\", where a time such as "
                    + "2026-03-01T12:00:00.250Z is needed"
            )
        }
        timestamp = read
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        let number = timestamp.rawValue
        guard Self.range.contains(number) else {
            throw EncodingError.invalidValue(
                number,
                EncodingError.Context(
                    codingPath: encoder.codingPath,
                    debugDescription: "\(number) is no time: it is not within "
                        + "\(Self.range.upperBound) milliseconds of 1970"
                )
            )
        }
        if let text { try container.encode(text) } else { try container.encode(number) }
    }

    /// The times that are read and written: 100 million days around 1970, as in JavaScript.
    private static let range: ClosedRange<Int64> = -8_640_000_000_000_000...8_640_000_000_000_000

    /// The moment in UTC; nil outside the years 0 to 9999.
    var text: String? {
        let milliseconds = timestamp.rawValue
        guard Self.range.contains(milliseconds) else { return nil }
        let day = Self.floorDivide(milliseconds, Self.millisecondsOfDay)
        let rest = Int(milliseconds - day * Self.millisecondsOfDay)
        let (year, month, dayOfMonth) = Self.date(ofDay: Int(day))
        guard (0...9999).contains(year) else { return nil }
        func digits(_ value: Int, _ count: Int) -> String {
            let text = String(value)
            return String(repeating: "0", count: max(0, count - text.count)) + text
        }
        return "\(digits(year, 4))-\(digits(month, 2))-\(digits(dayOfMonth, 2))"
            + "T\(digits(rest / 3_600_000, 2)):\(digits(rest / 60_000 % 60, 2))"
            + ":\(digits(rest / 1_000 % 60, 2)).\(digits(rest % 1_000, 3))Z"
    }

    private static let millisecondsOfDay: Int64 = 86_400_000

    /// The moment that a text names; nil for any other text.
    static func read(_ text: String) -> Timestamp? {
        var reader = Digits(Array(text.utf8.prefix(64)))
        guard let year = reader.number(4), reader.take("-"),
            let month = reader.number(2), reader.take("-"), (1...12).contains(month),
            let day = reader.number(2), (1...daysOf(month, year)).contains(day),
            reader.take("T") || reader.take("t") || reader.take(" "),
            let hour = reader.number(2), hour < 24, reader.take(":"),
            let minute = reader.number(2), minute < 60, reader.take(":"),
            // The second that a year may have too many falls on the next one.
            let second = reader.number(2), second <= 60
        else { return nil }
        var millisecond = 0
        if reader.take(".") || reader.take(",") {
            guard let fraction = reader.fraction() else { return nil }
            millisecond = fraction
        }
        guard let offset = reader.offset(), reader.isAtEnd else { return nil }
        let seconds = Int64((hour * 60 + minute - offset) * 60 + second)
        let days = Int64(Self.day(ofYear: year, month, day))
        return Timestamp(days * millisecondsOfDay + seconds * 1_000 + Int64(millisecond))
    }

    private static func daysOf(_ month: Int, _ year: Int) -> Int {
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        return switch month {
        case 2: isLeap ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    /// Days since 1970 of a date. Years are counted from March, so that the leap day is the last.
    private static func day(ofYear year: Int, _ month: Int, _ day: Int) -> Int {
        let year = month <= 2 ? year - 1 : year
        let era = Int(floorDivide(Int64(year), 400))
        let yearOfEra = year - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }

    private static func date(ofDay day: Int) -> (year: Int, month: Int, day: Int) {
        let shifted = day + 719_468
        let era = Int(floorDivide(Int64(shifted), 146_097))
        let dayOfEra = shifted - era * 146_097
        let yearOfEra =
            (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        return (year, month, dayOfYear - (153 * shiftedMonth + 2) / 5 + 1)
    }

    private static func floorDivide(_ value: Int64, _ divisor: Int64) -> Int64 {
        value / divisor - (value % divisor < 0 ? 1 : 0)
    }
}

/// Takes a text apart that is made of numbers of fixed lengths.
private struct Digits {
    private let bytes: [UInt8]
    private var index = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    var isAtEnd: Bool { index == bytes.count }

    mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard index < bytes.count, bytes[index] == UInt8(ascii: character) else { return false }
        index += 1
        return true
    }

    mutating func number(_ count: Int) -> Int? {
        guard bytes.count - index >= count else { return nil }
        var value = 0
        for _ in 0..<count {
            guard let digit = digit() else { return nil }
            value = value * 10 + digit
        }
        return value
    }

    /// The digits behind a point, as milliseconds.
    mutating func fraction() -> Int? {
        guard var value = digit() else { return nil }
        var count = 1
        while let next = digit() {
            if count < 3 { value = value * 10 + next }
            count += 1
        }
        while count < 3 {
            value *= 10
            count += 1
        }
        return value
    }

    /// How far a time is ahead of UTC, in minutes.
    mutating func offset() -> Int? {
        if take("Z") || take("z") { return 0 }
        let isAhead = take("+")
        guard isAhead || take("-"), let hours = number(2), hours < 24 else { return nil }
        _ = take(":")
        guard let minutes = number(2), minutes < 60 else { return nil }
        return (isAhead ? 1 : -1) * (hours * 60 + minutes)
    }

    private mutating func digit() -> Int? {
        guard index < bytes.count, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[index])
        else { return nil }
        index += 1
        return Int(bytes[index - 1] - UInt8(ascii: "0"))
    }
}
