import Broker
import Bytes
import EmbeddedClient
import LogClient
import LogModel
import LogStorage
import MillraceTestKit
import Testing
import Threads

/// Flushes asked for while the threads end, and those that find no room.
@Suite struct FlushEndTests {
    private let disk = HookedDisk()
    private let data: DataDirectory
    private let log: PartitionLog

    init() throws {
        data = try DataDirectory.open(
            disk: disk,
            path: "/data",
            owner: "test",
            creates: true,
            time: ManualTimeSource(),
            journal: .small
        )
        log = try data.createTopic(
            "t",
            id: UniqueID(high: 1, low: 2),
            partitionCount: 1,
            options: [:]
        )[0]
    }

    private func append(_ value: String) throws {
        var batch = RecordBatchBuilder()
        batch.append(value)
        let outcome = try log.append(
            batch.seal(producerID: .none, producerEpoch: .none, baseSequence: .none),
            origin: .embedded
        )
        guard case .appended = outcome else { throw BrokerError.corrupt("\(outcome)") }
    }

    private func begin() {
        data.groups.beginThreads(parallel: { for work in $0 { work() } }, onWriteBackDue: {})
    }

    @Test func `a flush asked for behind the end of the thread is done by the caller`() throws {
        begin()
        let groups = data.groups
        let thread = OwnedThread { groups.run() }
        groups.stopThreads()
        thread.join()
        // The owner has not said yet that the thread is gone.
        try append("a")
        let isDone = Lock(false)
        groups.flush([log]) { failure in isDone.withLock { $0 = failure == nil } }
        #expect(isDone.withLock { $0 } == true)
        groups.endThreads()
        #expect(log.durableEnd == Offset(1))
    }

    @Test func `what is queued when the threads end is done then`() throws {
        begin()
        try append("a")
        let isDone = Lock(false)
        data.groups.flush([log]) { failure in isDone.withLock { $0 = failure == nil } }
        #expect(isDone.withLock { $0 } == false)
        data.groups.stopThreads()
        data.groups.endThreads()
        #expect(isDone.withLock { $0 } == true)
        #expect(log.durableEnd == Offset(1))
    }

    @Test func `a full disk does not keep the thread from ending`() throws {
        begin()
        let groups = data.groups
        try append("a")
        disk.fill(".journal")
        let thread = OwnedThread { groups.run() }
        groups.flushSoon([log])
        groups.stopThreads()
        thread.join()
        groups.endThreads()
        #expect(log.durableEnd == .zero)
        disk.onFileOperation(nil)
        try data.writeBack(all: false)
        #expect(log.durableEnd == Offset(1))
    }

    @Test func `markers that found no room are flushed once there is some`() throws {
        let log = try HookedLog()
        try log.broker.createTopic("out", partitionCount: 1)
        let producer = try log.client.makeTransactionalProducer(
            transactionalID: "job-0",
            transactionTimeout: .seconds(60)
        )
        try producer.send(["a"], to: "out")
        // The group with the Prepare record is written, that of the markers is not.
        let disk = log.disk
        disk.onFileOperation { operation, path in
            if operation == .sync, path.hasSuffix(".journal") { disk.fill(".journal") }
            return nil
        }
        try producer.commit()
        #expect(try log.values("out") == [])
        log.housekeep(afterMilliseconds: 2000)
        #expect(try log.values("out") == [])
        disk.onFileOperation(nil)
        log.housekeep(afterMilliseconds: 2000)
        #expect(try log.values("out") == ["a"])
    }
}
