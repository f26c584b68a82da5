import Terminal
import Testing

@Suite struct QuantityTests {
    @Test(arguments: [
        ("100ms", Duration.milliseconds(100)), ("1.5s", .milliseconds(1500)),
        ("2m", .seconds(120)), ("1h", .seconds(3600)), ("7d", .seconds(604_800)),
        ("250us", .microseconds(250)),
    ])
    func `a duration is read with its unit`(text: String, expected: Duration) {
        #expect(Duration(argument: text) == expected)
    }

    @Test(arguments: ["", "5", "ms", "-5s", "5 s", "1e3s", "5S", "1.2.3s", "99999999999d"])
    func `what is no duration is refused`(text: String) {
        #expect(Duration(argument: text) == nil)
    }

    @Test(arguments: [
        ("512", 512), ("64KiB", 65_536), ("10MiB", 10_485_760), ("1GB", 1_000_000_000),
        ("1.5kb", 1500), ("2gib", 2_147_483_648), ("64k", 65_536), ("512m", 536_870_912),
        ("2G", 2_147_483_648),
    ])
    func `a size is read with powers of 1024 or of 1000`(text: String, expected: Int) {
        #expect(ByteSize(argument: text)?.byteCount == expected)
    }

    @Test(arguments: ["", "MiB", "-1", "10 MiB", "10MX", "99999999TiB"])
    func `what is no size is refused`(text: String) {
        #expect(ByteSize(argument: text) == nil)
    }

    @Test(arguments: [
        (512, "512 B"), (1536, "1.5 KiB"), (10_485_760, "10.0 MiB"), (1 << 40, "1.0 TiB"),
    ])
    func `a size is spelled short`(count: Int, expected: String) {
        #expect(ByteSize(byteCount: count).description == expected)
    }

    @Test(arguments: [
        (Duration.milliseconds(120), "120ms"), (.milliseconds(3240), "3.2s"),
        (.seconds(250), "4m10s"), (.seconds(7500), "2h05m"),
    ])
    func `a duration is spelled short`(duration: Duration, expected: String) {
        #expect(duration.spelled == expected)
    }

    @Test(arguments: [(0, "0"), (999, "999"), (1000, "1,000"), (-1_234_567, "-1,234,567")])
    func `digits are grouped`(value: Int, expected: String) {
        #expect(grouped(value) == expected)
    }

    @Test(arguments: [
        (1.005, 2, "1.00"), (1.995, 1, "2.0"), (-0.04, 1, "0.0"), (-2.5, 1, "-2.5"),
        (0.05, 2, "0.05"), (12, 0, "12"),
    ])
    func `a number has the places asked for`(value: Double, places: Int, expected: String) {
        #expect(decimal(value, places: places) == expected)
    }
}
