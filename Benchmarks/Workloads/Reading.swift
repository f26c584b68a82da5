import Bytes
import Streams

/// What a sensor measured: the 84-byte value of the stateless benchmark. With an 11-byte key it
/// makes records of about 100 bytes.
struct Reading: Equatable, Sendable {
    var sensor: Int64
    var sequence: Int64
    var time: Int64
    var celsius: Double
    var humidity: Double
    var pressure: Double
    var latitude: Double
    var longitude: Double
    var battery: Int64
    var uptime: Int64
    var flags: Int32

    static let byteCount = 84
}

/// A reading as ten big-endian 8-byte fields and one of 4 bytes.
struct ReadingSerde: Serde {
    func decode(_ bytes: UnsafeRawBufferPointer) throws -> Reading {
        guard bytes.count == Reading.byteCount, let base = bytes.baseAddress else {
            throw SerdeError("\(bytes.count) bytes, where a reading has \(Reading.byteCount)")
        }
        return Reading(
            sensor: base.bigEndian(at: 0),
            sequence: base.bigEndian(at: 8),
            time: base.bigEndian(at: 16),
            celsius: Double(bitPattern: base.bigEndian(at: 24)),
            humidity: Double(bitPattern: base.bigEndian(at: 32)),
            pressure: Double(bitPattern: base.bigEndian(at: 40)),
            latitude: Double(bitPattern: base.bigEndian(at: 48)),
            longitude: Double(bitPattern: base.bigEndian(at: 56)),
            battery: base.bigEndian(at: 64),
            uptime: base.bigEndian(at: 72),
            flags: base.bigEndian(at: 80)
        )
    }

    func encode(_ value: Reading, into sink: inout ByteSink) {
        let p = sink.reserve(Reading.byteCount)
        p.storeBigEndian(value.sensor, at: 0)
        p.storeBigEndian(value.sequence, at: 8)
        p.storeBigEndian(value.time, at: 16)
        p.storeBigEndian(value.celsius.bitPattern, at: 24)
        p.storeBigEndian(value.humidity.bitPattern, at: 32)
        p.storeBigEndian(value.pressure.bitPattern, at: 40)
        p.storeBigEndian(value.latitude.bitPattern, at: 48)
        p.storeBigEndian(value.longitude.bitPattern, at: 56)
        p.storeBigEndian(value.battery, at: 64)
        p.storeBigEndian(value.uptime, at: 72)
        p.storeBigEndian(value.flags, at: 80)
    }

    static var name: String { "reading" }
}

extension Reading {
    /// The n-th reading of a run: every field follows from n, so that results can be checked
    /// without the engine.
    init(number n: Int64) {
        self.init(
            sensor: n % 1_000,
            sequence: n,
            time: n / 10,
            celsius: Double(n % 400) / 10 - 10,
            humidity: Double(n % 101),
            pressure: 1_000 + Double(n % 50),
            latitude: Double(n % 180) - 90,
            longitude: Double(n % 360) - 180,
            battery: n % 100,
            uptime: n,
            flags: Int32(n & 7)
        )
    }

    /// The filter of the stateless benchmark: three readings in four pass.
    var isWarm: Bool { celsius >= 0 }

    /// The mapping of the stateless benchmark.
    var inFahrenheit: Reading {
        var result = self
        result.celsius = celsius * 1.8 + 32
        result.flags |= 8
        return result
    }
}
