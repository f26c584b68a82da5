import Millrace

/// What is kept of a destination's arrivals.
struct Delays: Equatable, Sendable {
    var arrivals: Int64 = 0
    var minutesLate: Int64 = 0
    var maximum: Int64 = .min

    mutating func add(_ minutes: Int64) {
        arrivals += 1
        minutesLate += minutes
        maximum = max(maximum, minutes)
    }
}

/// `arrivals,minutes late,maximum` as text, which every tool reads.
struct DelaysSerde: Serde {
    func decode(_ bytes: UnsafeRawBufferPointer) throws -> Delays {
        let fields = bytes.split(separator: UInt8(ascii: ","))
            .compactMap { Int64(String(decoding: $0, as: UTF8.self)) }
        guard fields.count == 3 else { throw SerdeError("not three numbers") }
        return Delays(arrivals: fields[0], minutesLate: fields[1], maximum: fields[2])
    }

    func encode(_ delays: Delays, into sink: inout ByteSink) throws {
        sink.append(utf8: "\(delays.arrivals),\(delays.minutesLate),\(delays.maximum)")
    }
}
