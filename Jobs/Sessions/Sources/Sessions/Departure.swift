import Millrace

/// A flight that left, as a line of the data has it: `time,tailnum,origin,dest,dep_delay`.
struct Departure: Equatable, Sendable {
    /// When it was to leave, to the hour, in seconds since 1970.
    var time: Int64
    var plane: String
    var origin: String
    var destination: String
    /// Minutes late; negative when early.
    var delay: Int64
}

/// The line itself. What is no departure is refused: the heading, a flight that was cancelled and
/// one whose plane is not known (`NA`).
struct DepartureSerde: Serde {
    func decode(_ bytes: UnsafeRawBufferPointer) throws -> Departure {
        let fields = String(decoding: bytes, as: UTF8.self)
            .split(separator: ",", omittingEmptySubsequences: false)
        guard fields.count == 5, let time = Int64(fields[0]), let delay = Int64(fields[4]),
            (0...Self.latestTime).contains(time),
            (-Self.longestDelay...Self.longestDelay).contains(delay),
            fields[1] != "NA", !fields[1].isEmpty
        else { throw SerdeError("not time,tailnum,origin,dest,dep_delay") }
        return Departure(
            time: time,
            plane: String(fields[1]),
            origin: String(fields[2]),
            destination: String(fields[3]),
            delay: delay
        )
    }

    func encode(_ value: Departure, into sink: inout ByteSink) throws {
        sink.append(
            utf8: "\(value.time),\(value.plane),\(value.origin),\(value.destination),"
                + "\(value.delay)"
        )
    }

    /// The end of the year 9999.
    private static let latestTime: Int64 = 253_402_300_799
    /// A year of minutes: sums of such delays do not overflow.
    private static let longestDelay: Int64 = 525_600
}
