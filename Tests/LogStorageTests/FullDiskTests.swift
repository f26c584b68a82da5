import LogModel
import MillraceTestKit
import Testing

@testable import LogStorage

/// What still works where not a byte is free.
@Suite struct FullDiskTests {
    private func full(_ values: [String]) throws -> TestLog {
        let log = try TestLog()
        try log.append(values)
        try log.flush()
        let disk = try log.simulated
        disk.setCapacity((1 << 40) - (try disk.freeByteCount(at: TestLog.root)))
        return log
    }

    @Test func `a topic is deleted, and its room is free`() throws {
        let log = try full([String(repeating: "x", count: 2000)])
        try log.data.removeTopic(TestLog.topic)
        #expect(log.data.topics.isEmpty)
        let disk = try log.simulated
        #expect(try disk.kind(of: TestLog.directory) == nil)
        #expect(try disk.freeByteCount(at: TestLog.root) > 1500)
        let again = try DataDirectory.open(
            disk: try log.simulated.withoutUnflushed(),
            path: TestLog.root,
            owner: "test",
            creates: false,
            time: log.time
        )
        #expect(again.topics.isEmpty)
    }

    @Test func `a topic whose deletion was cut short is deleted again`() throws {
        let operations = try full([String(repeating: "x", count: 2000)])
        let begin = try operations.simulated.operationCount
        try operations.data.removeTopic(TestLog.topic)
        let count = try operations.simulated.operationCount - begin
        for number in 0..<count {
            let log = try full([String(repeating: "x", count: 2000)])
            let disk = try log.simulated
            disk.losePower(atOperation: disk.operationCount + number)
            #expect(throws: LogStorageError.self) { try log.data.removeTopic(TestLog.topic) }
            let left = disk.withoutUnflushed()
            left.setCapacity(1 << 40)
            let again = try DataDirectory.open(
                disk: left,
                path: TestLog.root,
                owner: "test",
                creates: false,
                time: log.time
            )
            if !again.topics.isEmpty { try again.removeTopic(TestLog.topic) }
            #expect(again.topics.isEmpty, "operation \(number)")
            #expect(try left.kind(of: TestLog.directory) == nil, "operation \(number)")
        }
    }
}
