/// A moment as a date and a time of day in UTC (proleptic Gregorian calendar).
package struct CalendarTime: Sendable, Equatable {
    package var year: Int
    package var month: Int
    package var day: Int
    package var millisecondOfDay: Int

    package init(millisecondsSince1970 milliseconds: Int64) {
        let perDay: Int64 = 86_400_000
        let (quotient, remainder) = milliseconds.quotientAndRemainder(dividingBy: perDay)
        let days = Int(remainder < 0 ? quotient - 1 : quotient)
        millisecondOfDay = Int(remainder < 0 ? remainder + perDay : remainder)
        // Years that begin in March put the leap day last; 400 of them have 146,097 days.
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    }

    /// Reads `2013-01-31`, `2013-01-31T05:17:00Z`, that without seconds or with fractions of one,
    /// and with a distance to UTC in the place of the Z, such as `+05:30`.
    package static func milliseconds(from text: String) -> Int64? {
        let parts = text.split(separator: "T", omittingEmptySubsequences: false)
        let date = parts[0].split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count <= 2, date.count == 3, let year = number(date[0], 4...4, 1...9999),
            let month = number(date[1], 2...2, 1...12), let day = number(date[2], 2...2, 1...31)
        else { return nil }
        let days = self.days(year: year, month: month, day: day)
        let check = CalendarTime(millisecondsSince1970: days * 86_400_000)
        guard check.month == month, check.day == day else { return nil }
        guard parts.count == 2 else { return days * 86_400_000 }
        guard let time = milliseconds(ofDay: parts[1]) else { return nil }
        return days * 86_400_000 + time
    }

    private static func milliseconds(ofDay text: Substring) -> Int64? {
        guard let zone = text.firstIndex(where: { "Z+-".contains($0) }),
            let distance = milliseconds(ofZone: text[zone...])
        else { return nil }
        let halves = text[..<zone].split(separator: ".", omittingEmptySubsequences: false)
        var clock = halves[0].split(separator: ":", omittingEmptySubsequences: false)
        if clock.count == 2, halves.count == 1 { clock.append("00") }
        guard halves.count <= 2, clock.count == 3, let hour = number(clock[0], 2...2, 0...23),
            let minute = number(clock[1], 2...2, 0...59),
            let second = number(clock[2], 2...2, 0...59)
        else { return nil }
        var milliseconds = 0
        if halves.count == 2 {
            let digits = (halves[1] + "00").prefix(3)
            guard let value = number(digits, 3...3, 0...999), !halves[1].isEmpty else { return nil }
            milliseconds = value
        }
        return Int64((hour * 60 + minute) * 60 + second) * 1000 + Int64(milliseconds)
            - distance
    }

    /// `Z`, or how far a clock there is ahead of UTC.
    private static func milliseconds(ofZone text: Substring) -> Int64? {
        if text == "Z" { return 0 }
        let parts = text.dropFirst().split(separator: ":", omittingEmptySubsequences: false)
        guard text.first == "+" || text.first == "-", parts.count == 2,
            let hours = number(parts[0], 2...2, 0...23),
            let minutes = number(parts[1], 2...2, 0...59)
        else { return nil }
        let distance = Int64(hours * 60 + minutes) * 60_000
        return text.first == "-" ? -distance : distance
    }

    private static func number(
        _ text: Substring,
        _ length: ClosedRange<Int>,
        _ range: ClosedRange<Int>
    ) -> Int? {
        guard length.contains(text.count), text.allSatisfy({ $0.isASCII && $0.isNumber }),
            let value = Int(text), range.contains(value)
        else { return nil }
        return value
    }

    /// Days since 1970-01-01.
    private static func days(year: Int, month: Int, day: Int) -> Int64 {
        let shiftedYear = month <= 2 ? year - 1 : year
        let era = shiftedYear / 400
        let yearOfEra = shiftedYear - era * 400
        let shiftedMonth = month > 2 ? month - 3 : month + 9
        let dayOfYear = (153 * shiftedMonth + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return Int64(era * 146_097 + dayOfEra - 719_468)
    }

    /// `2013-01-01T05:17:00.250Z`.
    package var text: String {
        let second = millisecondOfDay / 1000
        let clock = [second / 3600, second / 60 % 60, second % 60].map { padded($0, 2) }
        let date = [padded(year, 4), padded(month, 2), padded(day, 2)].joined(separator: "-")
        return "\(date)T\(clock.joined(separator: ":")).\(padded(millisecondOfDay % 1000, 3))Z"
    }

    private func padded(_ value: Int, _ width: Int) -> String {
        let digits = String(value)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}
