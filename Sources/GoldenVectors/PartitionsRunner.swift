import Bytes

/// `dsl/partitions`: the partition that a record with a given key goes to.
struct PartitionsRunner: GoldenRunner {
    func accepts(_ file: GoldenFile) -> Bool {
        file.firstLine?["topology"] == .string("partitions")
    }

    func run(_ file: GoldenFile) throws -> GoldenReport {
        var report = GoldenReport()
        for line in try file.lines() where line["case"] != nil {
            let number = try line.member("case").integer(Int.self)
            report.note("case \(number)", try difference(line))
        }
        return report
    }

    private func difference(_ line: JSON) throws -> String? {
        var key = try line.member("bytes").hex()
        // A windowed key is partitioned by its inner key alone.
        switch try line.member("type").string() {
        case "time-windowed": key.removeLast(8)
        case "session-windowed": key.removeLast(16)
        default: break
        }
        let hash = key.withUnsafeBytes { murmur2($0) }
        guard try line.member("murmur2").integer(Int32.self) == hash else { return "hash \(hash)" }
        guard case .object(let partitions) = try line.member("partition") else {
            return "no partitions"
        }
        for (count, expected) in partitions {
            guard let count = Int32(count) else { return "no partition count" }
            let actual = key.withUnsafeBytes { partition(ofKey: $0, count: count) }
            guard try expected.integer(Int32.self) == actual else {
                return "partition \(actual) of \(count)"
            }
        }
        return nil
    }
}
