import LogModel
import MillraceTestKit
import Testing

@testable import LogStorage

/// A file that can be made anew cannot be written, or says what is not so: no partition stops.
@Suite struct CacheFaultTests {
    private static let options = ["segment.bytes": "1024", "index.interval.bytes": "128"]

    private func expectKept(_ log: TestLog, _ values: [String], _ what: String) throws {
        #expect(try log.records().map(\.value) == values, "\(what)")
        #expect(try log.killed().records().map(\.value) == values, "\(what)")
        let again = try log.afterPowerLoss()
        #expect(try again.records().map(\.value) == values, "\(what)")
        #expect(again.log.readOnlyReason == nil, "\(what)")
    }

    @Test(arguments: [
        ".index", ".timeindex", ".txnindex", ".snapshot", ".snapshot.tmp",
        FolderMark.fileName,
    ])
    func `a cache file that cannot be written leaves its partition writable`(
        suffix: String
    ) throws {
        for operation in [DiskOperation.create, .write, .sync, .truncate, .rename] {
            for times in [1, 3] {
                let log = try TestLog(Self.options)
                // Many producers: their snapshot needs a file.
                let producers = (0..<40).map { TestProducer(Int64($0)) }
                var values: [String] = []
                for producer in producers {
                    values.append("of \(producer.id) " + String(repeating: "x", count: 80))
                    try log.append([values[values.count - 1]], from: producer)
                }
                try log.flush()
                let fault = DiskFault(.operation(operation), onPathEnding: suffix, times: times)
                try log.simulated.inject(fault)
                let what = "\(operation) of \(suffix), \(times) times"
                for number in 0..<4 {
                    try log.data.writeBack(all: true)
                    #expect(log.log.readOnlyReason == nil, "\(what)")
                    values.append("more \(number)")
                    try log.append([values[values.count - 1]])
                    try log.flush()
                    try expectKept(log, values, what)
                }
                try log.data.writeBack(all: true)
                let bytes = try log.simulated.content(TestLog.checkpoint)
                let key = PartitionKey(topicID: TestLog.topicID, partition: PartitionIndex(0))
                let place = DirectoryCheckpoint(bytes)?.partitions[key]?.place
                #expect(place?.offset.rawValue == Int64(values.count), "\(what)")
                try expectKept(log, values, what)
            }
        }
    }

    @Test func `a full disk at a write-back stops nothing for good`() throws {
        let log = try TestLog(Self.options)
        let disk = try log.simulated
        for number in 0..<40 { try log.append(["\(number) " + String(repeating: "x", count: 80)]) }
        try log.flush()
        let records = try log.records()
        let used = (1 << 40) - (try disk.freeByteCount(at: TestLog.root))
        for room in [Int64(0), 10, 100] {
            disk.setCapacity(used + room)
            for _ in 0..<2 * PartitionLog.cacheFailureLimit { try? log.data.writeBack(all: true) }
            #expect(log.log.readOnlyReason == nil)
        }
        disk.setCapacity(1 << 40)
        try log.data.writeBack(all: true)
        try log.append(["more"])
        try log.flush()
        #expect(try log.records().count == records.count + 1)
        #expect(try log.afterPowerLoss().records().count == records.count + 1)
    }

    @Test func `a cache file that never can be written stops its partition in the end`() throws {
        let log = try TestLog(Self.options)
        for number in 0..<40 { try log.append(["\(number) " + String(repeating: "x", count: 80)]) }
        try log.flush()
        let records = try log.records()
        try log.simulated.inject(
            DiskFault(.operation(.write), onPathEnding: ".index", times: 1000)
        )
        for number in 0..<PartitionLog.cacheFailureLimit {
            #expect(log.log.readOnlyReason == nil, "\(number)")
            try log.data.writeBack(all: true)
        }
        #expect(log.log.readOnlyReason?.contains("again and again") == true)
        #expect(try log.afterPowerLoss().records() == records)
    }

    // MARK: Epochs

    @Test func `a file of epochs that no batch agrees with is made anew, and it is told`() throws {
        let log = try TestLog(Self.options)
        for number in 0..<40 { try log.append(["\(number)"]) }
        try log.close()
        let disk = try log.simulated.copy()
        let path = "\(TestLog.directory)/\(LeaderEpochs.fileName)"
        for text in ["0\n1\n4 0\n", "0\n2\n0 0\n1 20\n", "0\n1\n0 1\n", "nonsense"] {
            let damaged = disk.copy()
            try damaged.remove(path)
            try damaged.append(Array(text.utf8), to: path)
            for round in 0..<2 {
                damaged.releaseLocks()
                let again = try TestLog(opening: damaged)
                let report = try #require(try again.recovery)
                #expect(report.damage == nil, "\(text)")
                if text.hasPrefix("0\n1\n4") || text.hasPrefix("0\n2") {
                    #expect((report.rebuiltEpochs != nil) == (round == 0), "\(text)")
                }
                try again.append(["more"])
                try again.flush()
                #expect(try again.records().count == 41 + round)
                try again.close()
            }
        }
    }

    @Test func `a batch that the file of epochs speaks against is damage`() throws {
        let log = try TestLog()
        for number in 0..<4 { try log.append(["\(number)"]) }
        try log.close()
        let disk = try log.simulated.copy()
        disk.releaseLocks()
        // The leader epoch of the last batch.
        let path = "\(TestLog.directory)/\(FlushTests.first)"
        let byteCount = try disk.content(path).count
        disk.rot(path, at: byteCount / 4 * 3 + 15, bit: 1)
        let again = try TestLog(opening: disk)
        #expect(try again.recovery?.damage != nil)
        #expect(try again.recovery?.rebuiltEpochs == nil)
    }

    // MARK: Producers

    @Test func `a segment that is read again knows producers whose batches are deleted`() throws {
        let log = try TestLog(["segment.bytes": "1024", "retention.bytes": "2000"])
        let producer = TestProducer(7)
        try log.append(["early"], from: producer)
        for number in 0..<60 { try log.append(["\(number) " + String(repeating: "x", count: 80)]) }
        try log.flush()
        try log.applyRetention(now: log.time.wallTime().rawValue)
        try log.close()
        let disk = try log.simulated.copy()
        for name in try disk.list(TestLog.directory)
        where name.hasSuffix("index") || name.hasSuffix(".snapshot") {
            try disk.remove("\(TestLog.directory)/\(name)")
        }
        disk.releaseLocks()
        let again = try TestLog(opening: disk)
        #expect(try again.log.bounds.logStart > .zero)
        #expect(try again.log.activeProducers == log.log.activeProducers)
        #expect(try again.log.activeProducers.map(\.producerID) == [ProducerID(7)])
    }
}
