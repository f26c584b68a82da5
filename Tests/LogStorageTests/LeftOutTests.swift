import LogModel
import MillraceTestKit
import Testing

@testable import LogStorage

/// A write-back's group has room for a journal file's bytes: what it leaves out is not forgotten.
@Suite struct LeftOutTests {
    @Test func `a partition that a write-back's group had no room for is written back later`()
        throws
    {
        let disk = SimulatedDisk()
        let log = try TestLog(partitions: 12, disk: disk)
        for partition in 0..<12 {
            try log.append([String(repeating: "x", count: 7_000)], to: partition)
        }
        try log.data.writeBack(all: false)
        try log.data.groups.flushAndWait(Array(log.logs.suffix(2)))
        try log.append(["again"], to: 0)
        try log.flush()
        try log.data.writeBack(all: false)
        let acknowledged = try (0..<12).map { try log.records(of: $0).count }
        log.data.release()
        let next = try TestLog(opening: disk)
        #expect(try (0..<12).map { try next.records(of: $0).count } == acknowledged)
    }
}
