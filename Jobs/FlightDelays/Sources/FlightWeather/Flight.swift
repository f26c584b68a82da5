import Millrace

/// A flight that left, as a line of the data has it: `time,tailnum,origin,carrier,dep_delay`.
struct Flight: Equatable, Sendable {
    /// When it was to leave, to the hour, in seconds since 1970.
    var time: Int64
    var plane: String
    var origin: String
    var carrier: String
    /// Minutes late; negative when early.
    var delay: Int64

    /// The airport and the hour, as the weather has them.
    var place: String { "\(origin) \(time)" }
}

/// The line itself; the heading and a flight that was cancelled (`NA`) are refused.
struct FlightSerde: Serde {
    func decode(_ bytes: UnsafeRawBufferPointer) throws -> Flight {
        let fields = fields(of: bytes)
        guard fields.count == 5, let time = seconds(fields[0]), let delay = Int64(fields[4]),
            (-525_600...525_600).contains(delay)
        else { throw SerdeError("not time,tailnum,origin,carrier,dep_delay") }
        return Flight(
            time: time,
            plane: String(fields[1]),
            origin: String(fields[2]),
            carrier: String(fields[3]),
            delay: delay
        )
    }

    func encode(_ value: Flight, into sink: inout ByteSink) throws {
        sink.append(
            utf8: "\(value.time),\(value.plane),\(value.origin),\(value.carrier),\(value.delay)"
        )
    }
}

/// The weather of an hour at an airport: `time,origin,wind_speed`.
struct Weather: Equatable, Sendable {
    /// The beginning of the hour, in seconds since 1970.
    var time: Int64
    var origin: String
    /// Miles an hour.
    var wind: Int64

    var place: String { "\(origin) \(time)" }

    /// The wind in a word, roughly as Beaufort's scale has them.
    var word: String {
        switch wind {
        case ..<8: "calm"
        case ..<19: "breeze"
        default: "wind"
        }
    }
}

/// The line itself; the heading and an hour whose wind is not known (`NA`) are refused.
struct WeatherSerde: Serde {
    func decode(_ bytes: UnsafeRawBufferPointer) throws -> Weather {
        let fields = fields(of: bytes)
        guard fields.count == 3, let time = seconds(fields[0]), let wind = Int64(fields[2]) else {
            throw SerdeError("not time,origin,wind_speed")
        }
        return Weather(time: time, origin: String(fields[1]), wind: wind)
    }

    func encode(_ value: Weather, into sink: inout ByteSink) throws {
        sink.append(utf8: "\(value.time),\(value.origin),\(value.wind)")
    }
}

private func fields(of bytes: UnsafeRawBufferPointer) -> [Substring] {
    String(decoding: bytes, as: UTF8.self).split(separator: ",", omittingEmptySubsequences: false)
}

/// A time up to the end of the year 9999, whose milliseconds fit.
private func seconds(_ text: Substring) -> Int64? {
    Int64(text).flatMap { (0...253_402_300_799).contains($0) ? $0 : nil }
}
