import Bytes
import LogModel
import LogStorage
import MillraceTestKit
import Testing

/// The producers' machine by itself: batches and markers in, decisions out.
struct ProducerTableTests {
    /// A batch of so many records.
    struct Sent {
        var id: Int64 = 5
        var epoch: Int16 = 0
        var sequence: Int32 = 0
        var count: Int32 = 1
        var base: Int64 = 0
        var time: Int64 = 1000
        var isTransactional = false
    }

    static func withBatch<Result>(
        _ sent: Sent,
        _ body: (RecordBatchView) -> Result
    ) throws -> Result {
        var builder = RecordBatchBuilder()
        for _ in 0..<sent.count {
            builder.append(timestamp: Timestamp(sent.time), key: nil, value: nil)
        }
        let bytes = builder.seal(
            attributes: BatchAttributes(isTransactional: sent.isTransactional),
            producerID: ProducerID(sent.id),
            producerEpoch: ProducerEpoch(sent.epoch),
            baseSequence: SequenceNumber(sent.sequence),
            baseOffset: Offset(sent.base)
        )
        return body(try RecordBatchView(UnsafeRawBufferPointer(bytes)))
    }

    private func note(_ sent: Sent, in table: inout ProducerTable, now: Int64? = nil) throws {
        try Self.withBatch(sent) { table.note($0, now: now.map { Timestamp($0) }) }
        table.checkInvariants()
    }

    private func decide(
        _ sent: Sent,
        _ table: ProducerTable,
        checksTransaction: Bool = false
    ) throws -> ProducerTable.Decision {
        try Self.withBatch(sent) { table.decide($0, checksTransaction: checksTransaction) }
    }

    private func code(_ decision: ProducerTable.Decision) -> KafkaErrorCode? {
        guard case .refuse(let code, _) = decision else { return nil }
        return code
    }

    private func end(
        _ table: inout ProducerTable,
        id: Int64 = 5,
        epoch: Int16 = 0,
        _ result: TransactionResult = .commit,
        at offset: Int64
    ) -> ProducerTable.Completed? {
        defer { table.checkInvariants() }
        return table.noteMarker(
            producerID: ProducerID(id),
            epoch: ProducerEpoch(epoch),
            coordinatorEpoch: 0,
            result: result,
            at: Offset(offset),
            timestamp: Timestamp(1000)
        )
    }

    // MARK: Sequences

    @Test func `a sequence across its largest number is told from new ones, from a snapshot too`()
        throws
    {
        var table = ProducerTable()
        let across = Sent(sequence: Int32.max - 1, count: 5, base: 40)
        try note(across, in: &table)
        let next = Sent(sequence: 3, base: 45)
        for table in [
            table,
            try #require(
                ProducerSnapshotFile.decode(
                    ProducerSnapshotFile.encode(table)
                )
            ),
        ] {
            #expect(try decide(across, table) == .duplicate(base: Offset(40), last: Offset(44)))
            #expect(try decide(next, table) == .append)
            #expect(
                try code(decide(Sent(sequence: 4), table)) == .outOfOrderSequenceNumber
            )
            let first = table.entries[ProducerID(5)]?.batches.last?.firstSequence
            #expect(first == SequenceNumber(Int32.max - 1))
        }
    }

    @Test func `five batches are remembered, by a snapshot too, and a sixth forgets the first`()
        throws
    {
        var table = ProducerTable()
        for number in 0..<6 {
            try note(Sent(sequence: Int32(number), base: Int64(number)), in: &table)
        }
        #expect(try code(decide(Sent(sequence: 0), table)) == .outOfOrderSequenceNumber)
        table = try #require(ProducerSnapshotFile.decode(ProducerSnapshotFile.encode(table)))
        #expect(try code(decide(Sent(sequence: 0), table)) == .outOfOrderSequenceNumber)
        for number in 1..<6 {
            let base = Offset(Int64(number))
            #expect(
                try decide(Sent(sequence: Int32(number)), table)
                    == .duplicate(base: base, last: base)
            )
        }
        #expect(try decide(Sent(sequence: 6), table) == .append)
    }

    @Test func `a duplicate has the same first and last number in the same epoch`() throws {
        var table = ProducerTable()
        try note(Sent(epoch: 1, count: 3), in: &table)
        #expect(try code(decide(Sent(epoch: 1, count: 2), table)) == .outOfOrderSequenceNumber)
        #expect(try decide(Sent(epoch: 2, count: 3), table) == .append)
        #expect(try code(decide(Sent(epoch: 0, count: 3), table)) == .invalidProducerEpoch)
        #expect(try code(decide(Sent(epoch: 2, sequence: 3), table)) == .outOfOrderSequenceNumber)
    }

    @Test func `a producer that is not known may begin anywhere`() throws {
        #expect(try decide(Sent(sequence: 17), ProducerTable()) == .append)
    }

    @Test func `the last of all epochs fences and is not passed`() throws {
        var table = ProducerTable()
        try note(Sent(epoch: 32_766), in: &table)
        _ = end(&table, epoch: 32_767, at: 1)
        #expect(try code(decide(Sent(epoch: 32_766, sequence: 1), table)) == .invalidProducerEpoch)
        #expect(try decide(Sent(epoch: 32_767), table) == .append)
    }

    @Test func `no transaction begins while an older epoch's is open`() throws {
        var table = ProducerTable()
        try note(Sent(epoch: 1, isTransactional: true), in: &table)
        table.beginTransaction(producerID: ProducerID(5), epoch: ProducerEpoch(2))
        let next = Sent(epoch: 2, isTransactional: true)
        #expect(
            try code(decide(next, table, checksTransaction: true)) == .concurrentTransactions
        )
        _ = end(&table, epoch: 1, .abort, at: 1)
        #expect(try decide(next, table, checksTransaction: true) == .append)
    }

    // MARK: Expiry

    @Test func `a producer of old records is remembered by when it wrote`() throws {
        var table = ProducerTable()
        let old = Sent(time: 1000)
        try note(old, in: &table, now: 5_000_000)
        table.expire(olderThan: Timestamp(4_999_999))
        #expect(try decide(old, table) == .duplicate(base: .zero, last: .zero))
        // A record from the future keeps nobody in memory.
        try note(Sent(id: 6, time: .max), in: &table, now: 5_000_000)
        table.expire(olderThan: Timestamp(5_000_001))
        #expect(table.entries.isEmpty)
    }

    @Test func `a retry after a restart is recognised, however old its records`() throws {
        var table = ProducerTable()
        let old = Sent(time: 1000)
        try note(old, in: &table)
        table.noteRecovered(at: Timestamp(9_000_000))
        table.expire(olderThan: Timestamp(8_999_999))
        #expect(try decide(old, table) == .duplicate(base: .zero, last: .zero))
    }

    @Test func `a restart counts as a write no longer than the file can have been written to`()
        throws
    {
        var table = ProducerTable()
        let old = Sent(time: 1000)
        try note(old, in: &table)
        table.noteRecovered(at: Timestamp(9_000_000)) { _ in Timestamp(5_000) }
        table.expire(olderThan: Timestamp(5_000))
        #expect(try decide(old, table) == .duplicate(base: .zero, last: .zero))
        table.expire(olderThan: Timestamp(5_001))
        #expect(table.entries.isEmpty)
        // A file of the future keeps nobody in memory.
        try note(old, in: &table)
        table.noteRecovered(at: Timestamp(9_000)) { _ in Timestamp(99_000) }
        table.expire(olderThan: Timestamp(9_001))
        #expect(table.entries.isEmpty)
    }

    @Test func `a snapshot has the records' times, and a table the clock's in no comparison`()
        throws
    {
        var live = ProducerTable()
        try note(Sent(time: 1000), in: &live, now: 77_000)
        var replayed = ProducerTable()
        try note(Sent(time: 1000), in: &replayed)
        #expect(live == replayed)
        #expect(ProducerSnapshotFile.encode(live) == ProducerSnapshotFile.encode(replayed))
        let read = try #require(ProducerSnapshotFile.decode(ProducerSnapshotFile.encode(live)))
        #expect(read == live)
        #expect(read.entries[ProducerID(5)]?.lastTimestamp == Timestamp(1000))
    }

    @Test func `an open transaction is never forgotten`() throws {
        var table = ProducerTable()
        try note(Sent(isTransactional: true), in: &table, now: 10)
        table.expire(olderThan: Timestamp(.max))
        #expect(table.firstUnstableOffset == .zero)
        _ = end(&table, at: 1)
        table.expire(olderThan: Timestamp(.max))
        #expect(table.entries.isEmpty)
    }

    // MARK: Transactions

    @Test func `a transactional batch needs a transaction that has begun and not ended`() throws {
        var table = ProducerTable()
        let batch = Sent(epoch: 3, isTransactional: true)
        #expect(
            try code(decide(batch, table, checksTransaction: true)) == .invalidTransactionState
        )
        #expect(try decide(batch, table) == .append)
        table.beginTransaction(producerID: ProducerID(5), epoch: ProducerEpoch(2))
        #expect(
            try code(decide(batch, table, checksTransaction: true)) == .invalidTransactionState
        )
        table.beginTransaction(producerID: ProducerID(5), epoch: ProducerEpoch(3))
        #expect(try decide(batch, table, checksTransaction: true) == .append)
        try note(batch, in: &table)
        let second = Sent(epoch: 3, sequence: 1, base: 1, isTransactional: true)
        #expect(try decide(second, table, checksTransaction: true) == .append)
        _ = end(&table, epoch: 3, at: 1)
        #expect(
            try code(decide(second, table, checksTransaction: true)) == .invalidTransactionState
        )
        // A retry of what is in the log stays a duplicate.
        #expect(
            try decide(batch, table, checksTransaction: true)
                == .duplicate(base: .zero, last: .zero)
        )
    }

    @Test func `a marker ends a transaction that has not written, and not a later one`() throws {
        var table = ProducerTable()
        let id = ProducerID(5)
        table.beginTransaction(producerID: id, epoch: ProducerEpoch(3))
        // The marker of a bumped epoch, which TV2 writes.
        #expect(end(&table, epoch: 4, at: 0) == nil)
        #expect(!table.isInTransaction(producerID: id, epoch: ProducerEpoch(3)))
        table.beginTransaction(producerID: id, epoch: ProducerEpoch(5))
        #expect(end(&table, epoch: 4, at: 1) == nil)
        #expect(table.isInTransaction(producerID: id, epoch: ProducerEpoch(5)))
        // Late news of an older transaction change nothing.
        table.beginTransaction(producerID: id, epoch: ProducerEpoch(4))
        #expect(table.isInTransaction(producerID: id, epoch: ProducerEpoch(5)))
    }

    @Test func `what has begun is in no snapshot and in no comparison`() throws {
        var table = ProducerTable()
        let before = ProducerSnapshotFile.encode(table)
        table.beginTransaction(producerID: ProducerID(5), epoch: ProducerEpoch(3))
        #expect(table == ProducerTable())
        #expect(ProducerSnapshotFile.encode(table) == before)
    }

    @Test func `a batch outside the open transaction is refused, of a newer epoch too`() throws {
        var table = ProducerTable()
        try note(Sent(isTransactional: true), in: &table)
        #expect(try code(decide(Sent(sequence: 1), table)) == .invalidTransactionState)
        #expect(try code(decide(Sent(epoch: 1), table)) == .invalidTransactionState)
    }

    @Test(arguments: 0..<20)
    func `the first unstable offset is that of the oldest transaction, whatever ends first`(
        _ seed: Int
    ) throws {
        var generator = SeededGenerator(seed: UInt64(seed))
        var table = ProducerTable()
        var open: [Int64: Int64] = [:]
        var undurable: [(first: Int64, last: Int64)] = []
        var next: Int64 = 0
        for _ in 0..<300 {
            let id = Int64.random(in: 0..<12, using: &generator)
            switch Int.random(in: 0..<8, using: &generator) {
            case 0:
                undurable.removeAll { $0.last < next }
                table.noteDurable(below: Offset(next))
            case 1..<4:
                let completed = end(&table, id: id, .abort, at: next)
                #expect(completed?.firstOffset.rawValue == open[id])
                if let first = open.removeValue(forKey: id) {
                    undurable.append((first, next))
                    let stable = open.values.min() ?? next + 1
                    if let completed {
                        #expect(table.lastStableOffset(after: completed).rawValue == stable)
                    }
                }
            default:
                open[id] = open[id] ?? next
                try note(Sent(id: id, base: next, isTransactional: true), in: &table)
            }
            next += 1
            let expected = [open.values.min(), undurable.map(\.first).min()].compactMap { $0 }.min()
            #expect(table.firstUnstableOffset?.rawValue == expected, "round \(seed)")
        }
        let read = try #require(ProducerSnapshotFile.decode(ProducerSnapshotFile.encode(table)))
        read.checkInvariants()
        #expect(read.firstUnstableOffset?.rawValue == open.values.min())
    }
}
