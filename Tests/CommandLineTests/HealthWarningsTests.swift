import Broker
import LogModel
import Testing

@testable import DirectoryAccess
@testable import LogStorage

/// How many lines are said of partitions that are out of use.
@Suite struct HealthWarningsTests {
    private func lines(_ health: [(String, PartitionHealth)]) -> [String] {
        var warnings = HealthWarnings(directory: "/data")
        for (name, health) in health {
            guard let partition = TopicPartition(folder: name) else { continue }
            warnings.add(health, of: partition, isRelaxed: false)
        }
        return warnings.lines
    }

    /// Too few descriptors: each reason names another file.
    private func withoutDescriptor(_ name: String) -> (String, PartitionHealth) {
        (
            name,
            .offline("open of /data/\(name)/00000000000000000000.log failed: Too many open files")
        )
    }

    @Test func `a partition has its own line, with its own files`() {
        #expect(
            lines([withoutDescriptor("t-1"), ("t-2", .good)]) == [
                "t-1 is offline: open of /data/t-1/00000000000000000000.log failed: Too many open "
                    + "files"
            ]
        )
    }

    @Test(
        arguments: [
            (2, "t-0 and t-1"), (3, "t-0, t-1 and t-2"), (4, "t-0, t-1, t-2 and 1 more partition"),
            (40, "t-0, t-1, t-2 and 37 more partitions"),
        ]
    )
    func `many that are offline for the same reason share one`(count: Int, names: String) {
        #expect(
            lines((0..<count).map { withoutDescriptor("t-\($0)") }) == [
                "\(names) are offline: open of a file of it failed: Too many open files"
            ]
        )
    }

    @Test func `another reason, and another verdict, has a line of its own`() {
        let cut = RecoveryReport.Cut(offset: Offset(3), byteCount: 7, reason: "torn")
        let found = lines([
            ("b-0", .readOnly("the journal could not be flushed")), withoutDescriptor("a-0"),
            withoutDescriptor("a-1"), ("a-2", .offline("the folder /data/a-2 is missing")),
            ("b-1", .readOnly("the journal could not be flushed")), ("c-0", .cut(cut)),
        ])
        #expect(
            found == [
                "c-0 lost 7 bytes behind offset 3 that no one was told were stored: torn",
                "a-0 and a-1 are offline: open of a file of it failed: Too many open files",
                "a-2 is offline: the folder /data/a-2 is missing",
                "b-0 and b-1 take no more: the journal could not be flushed",
            ]
        )
    }
}
