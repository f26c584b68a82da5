import LogModel
import Testing

@testable import LogStorage

/// What a cleaning keeps, rule by rule.
@Suite struct RetentionRulesTests {
    private static let rules = RetentionRules(
        now: Timestamp(1_000),
        roundEnd: Offset(100),
        lastBatchOffset: Offset(99),
        producers: [
            ProducerID(1): LastProducerRecord(lastDataOffset: Offset(50), epoch: ProducerEpoch(2)),
            ProducerID(2): LastProducerRecord(lastDataOffset: nil, epoch: ProducerEpoch(3)),
        ]
    )

    private static func batch(
        _ base: Int64,
        _ last: Int64,
        producer: Int64 = -1,
        epoch: Int16 = -1,
        horizon: Int64? = nil
    ) -> RetentionRules.Batch {
        RetentionRules.Batch(
            baseOffset: Offset(base),
            lastOffset: Offset(last),
            producerID: ProducerID(producer),
            producerEpoch: ProducerEpoch(epoch),
            deleteHorizon: horizon.map { Timestamp($0) }
        )
    }

    private static let alone = CleanedTransactions.Role.marker(isAlone: true, aborted: nil)
    private static let ending = CleanedTransactions.Role.marker(isAlone: false, aborted: nil)

    // MARK: Records

    private static func record(
        _ offset: Int64,
        latest: Int64?,
        hasKey: Bool = true,
        hasValue: Bool = true,
        horizon: Int64? = nil
    ) -> RetentionRules.RecordVerdict {
        rules.verdict(
            onRecordAt: Offset(offset),
            hasKey: hasKey,
            hasValue: hasValue,
            latest: latest.map { Offset($0) },
            deleteHorizon: horizon.map { Timestamp($0) }
        )
    }

    @Test func `a record stays if it is the latest of its key, or its key is not new`() {
        #expect(Self.record(10, latest: 10) == .keep)
        #expect(Self.record(10, latest: 11) == .superseded)
        #expect(Self.record(10, latest: 9) == .keep)
        #expect(Self.record(10, latest: nil) == .keep)
    }

    @Test func `a tombstone stays until its horizon, and always where it has none yet`() {
        #expect(Self.record(10, latest: 10, hasValue: false) == .keep)
        #expect(Self.record(10, latest: 10, hasValue: false, horizon: 1_001) == .keep)
        #expect(Self.record(10, latest: 10, hasValue: false, horizon: 1_000) == .expired)
        #expect(Self.record(10, latest: 10, horizon: 1_000) == .keep)
        #expect(Self.record(10, latest: 20, hasValue: false, horizon: 1_001) == .superseded)
    }

    @Test func `a record without a key goes`() {
        #expect(Self.record(10, latest: nil, hasKey: false) == .keyless)
    }

    @Test func `records behind the round's end stay, whatever they are`() {
        #expect(Self.record(100, latest: nil, hasKey: false) == .keep)
        #expect(Self.record(100, latest: 10, hasValue: false, horizon: 1) == .keep)
        #expect(Self.rules.verdict(on: Self.batch(100, 120), .abortedData) == .keep)
        #expect(Self.rules.verdict(on: Self.batch(100, 100, horizon: 1), Self.alone) == .keep)
    }

    // MARK: Batches

    @Test func `a data batch without records goes, unless it holds a producer or ends the round`() {
        let rules = Self.rules
        #expect(rules.verdict(on: Self.batch(10, 19), .data) == .filter(staysEmpty: false))
        #expect(
            rules.verdict(on: Self.batch(41, 50, producer: 1), .data) == .filter(staysEmpty: true)
        )
        #expect(
            rules.verdict(on: Self.batch(31, 40, producer: 1), .data) == .filter(staysEmpty: false)
        )
        #expect(rules.verdict(on: Self.batch(90, 99), .data) == .filter(staysEmpty: true))
    }

    @Test func `records of an aborted transaction go whatever their key`() {
        let rules = Self.rules
        #expect(rules.verdict(on: Self.batch(10, 19, producer: 3), .abortedData) == .drop)
        #expect(rules.verdict(on: Self.batch(41, 50, producer: 1), .abortedData) == .empty)
        #expect(rules.verdict(on: Self.batch(90, 99, producer: 3), .abortedData) == .empty)
    }

    @Test func `a marker stays while its transaction has batches, then until its horizon`() {
        let rules = Self.rules
        #expect(rules.verdict(on: Self.batch(10, 10, producer: 9), Self.ending) == .keep)
        #expect(
            rules.verdict(on: Self.batch(10, 10, producer: 9, horizon: 1), Self.ending) == .keep
        )
        #expect(rules.verdict(on: Self.batch(10, 10, producer: 9), Self.alone) == .keepUntilHorizon)
        #expect(
            rules.verdict(on: Self.batch(10, 10, producer: 9, horizon: 1_001), Self.alone) == .keep
        )
        #expect(
            rules.verdict(on: Self.batch(10, 10, producer: 9, horizon: 1_000), Self.alone) == .drop
        )
    }

    @Test func `a marker that alone holds an epoch stays whole behind its horizon`() {
        let rules = Self.rules
        func verdict(_ producer: Int64, _ epoch: Int16) -> RetentionRules.Verdict {
            rules.verdict(
                on: Self.batch(10, 10, producer: producer, epoch: epoch, horizon: 1),
                Self.alone
            )
        }
        #expect(verdict(2, 3) == .keep)
        #expect(verdict(2, 2) == .drop)
        // Producer 1 has a batch of its epoch.
        #expect(verdict(1, 2) == .drop)
        #expect(
            rules.verdict(on: Self.batch(99, 99, producer: 9, horizon: 1), Self.alone) == .keep
        )
    }

    @Test func `control batches that end no transaction stay, emptied ones go`() {
        let rules = Self.rules
        #expect(rules.verdict(on: Self.batch(10, 10), .otherControl) == .keep)
        #expect(
            rules.verdict(on: Self.batch(10, 10, producer: 2, epoch: 3), .emptiedControl) == .drop
        )
        #expect(rules.verdict(on: Self.batch(99, 99), .emptiedControl) == .keep)
    }
}

/// Whose batches are whose, across everything that a round reads.
@Suite struct CleanedTransactionsTests {
    private static func entry(_ producer: Int64, _ first: Int64, _ last: Int64) -> AbortedEntry {
        AbortedEntry(
            producerID: ProducerID(producer),
            firstOffset: Offset(first),
            lastOffset: Offset(last),
            lastStableOffset: Offset(last + 1)
        )
    }

    private static func data(
        _ producer: Int64,
        _ offset: Int64,
        _ transactions: inout CleanedTransactions
    ) -> CleanedTransactions.Role {
        transactions.noteData(
            producerID: ProducerID(producer),
            isTransactional: true,
            at: Offset(offset)
        )
    }

    private static func marker(
        _ producer: Int64,
        _ result: TransactionResult,
        _ offset: Int64,
        _ transactions: inout CleanedTransactions
    ) throws -> CleanedTransactions.Role {
        try transactions.noteMarker(
            producerID: ProducerID(producer),
            result: result,
            at: Offset(offset)
        )
    }

    @Test func `the same producer may abort and commit in turns`() throws {
        var all = CleanedTransactions(
            aborted: [Self.entry(1, 20, 29), Self.entry(1, 0, 9), Self.entry(2, 5, 30)]
        )
        #expect(Self.data(1, 0, &all) == .abortedData)
        #expect(Self.data(2, 5, &all) == .abortedData)
        #expect(
            try Self.marker(1, .abort, 9, &all)
                == .marker(isAlone: false, aborted: Self.entry(1, 0, 9))
        )
        #expect(Self.data(1, 10, &all) == .data)
        #expect(try Self.marker(1, .commit, 12, &all) == .marker(isAlone: false, aborted: nil))
        #expect(Self.data(1, 20, &all) == .abortedData)
        #expect(
            all.noteData(producerID: ProducerID(1), isTransactional: false, at: Offset(21)) == .data
        )
    }

    @Test func `a marker of which no batch was met is alone`() throws {
        var all = CleanedTransactions(aborted: [Self.entry(1, 0, 9)])
        #expect(try Self.marker(1, .abort, 9, &all) == .marker(isAlone: true, aborted: nil))
        #expect(try Self.marker(1, .commit, 10, &all) == .marker(isAlone: true, aborted: nil))
    }

    @Test func `a transaction index that lacks an aborted transaction stops the cleaning`() {
        var all = CleanedTransactions(aborted: [])
        #expect(Self.data(1, 0, &all) == .data)
        #expect(throws: LogStorageError.self) { try Self.marker(1, .abort, 9, &all) }
    }

    @Test func `a transaction index that calls a committed transaction aborted stops the cleaning`()
    {
        var all = CleanedTransactions(aborted: [Self.entry(1, 0, 9)])
        #expect(Self.data(1, 0, &all) == .abortedData)
        #expect(throws: LogStorageError.self) { try Self.marker(1, .commit, 9, &all) }
    }
}
