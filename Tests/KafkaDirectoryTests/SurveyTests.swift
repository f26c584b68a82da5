import KafkaDirectory
import LogModel
import MillraceTestKit
import Testing

/// Transactions as a read_committed reader sees them.
@Suite struct SurveyTests {
    private func transactional(
        _ base: Int64,
        _ value: String,
        _ id: Int64,
        sequence: Int32 = 0
    ) -> [UInt8] {
        Maker.batch(base, values: value, producer: .init(id, sequence: sequence))
    }

    @Test func `aborted records are hidden, committed ones are not`() throws {
        let kafka = try KafkaReading()
        try kafka.maker.partition(
            "t-0",
            [
                0: [
                    transactional(0, "a", 1), transactional(1, "b", 2), Maker.batch(2, values: "c"),
                    Maker.marker(3, .abort, producer: 1),
                ],
                4: [
                    transactional(4, "d", 1, sequence: 1), Maker.marker(5, .commit, producer: 2),
                    Maker.marker(6, .commit, producer: 1),
                ],
            ]
        )
        let survey = try kafka.survey()
        #expect(try kafka.records() == ["0:a", "1:b", "2:c", "4:d"])
        #expect(try kafka.records(committed: true) == ["1:b", "2:c", "4:d"])
        #expect(survey.aborted == [ProducerID(1): [Offset(0)...Offset(3)]])
        #expect(survey.lastStableOffset == Offset(7) && survey.logEnd == Offset(7))
    }

    @Test func `nothing at or behind the first open transaction is stable`() throws {
        let kafka = try KafkaReading()
        try kafka.maker.partition(
            "t-0",
            [
                0: [
                    Maker.batch(0, values: "a"), transactional(1, "b", 1),
                    Maker.batch(2, values: "c"),
                ]
            ]
        )
        #expect(try kafka.survey().lastStableOffset == Offset(1))
        #expect(try kafka.records(committed: true) == ["0:a"])
    }

    @Test func `a transaction whose marker lies behind damage is not taken for committed`() throws {
        let kafka = try KafkaReading()
        var bad = Maker.batch(2, values: "x")
        bad[bad.count - 1] ^= 1
        try kafka.maker.partition(
            "t-0",
            [
                0: [
                    Maker.batch(0, values: "a"), transactional(1, "b", 1), bad,
                    Maker.marker(3, .commit, producer: 1),
                ]
            ]
        )
        let survey = try kafka.survey()
        #expect(survey.isDamaged && survey.lastStableOffset == Offset(1))
        #expect(try kafka.records(committed: true) == ["0:a"])
    }

    /// The segment that is missing held the end of the first transaction; the producer's next
    /// marker would end it the other way.
    @Test(arguments: [TransactionResult.commit, .abort])
    func `a transaction that is open in front of a missing segment is decided by nothing behind it`(
        next: TransactionResult
    ) throws {
        let kafka = try KafkaReading()
        try kafka.maker.partition(
            "t-0",
            [
                0: [Maker.batch(0, values: "a"), transactional(1, "b", 1)],
                3: [
                    transactional(3, "c", 1, sequence: 1), Maker.marker(4, next, producer: 1),
                    Maker.batch(5, values: "d"),
                ],
            ]
        )
        let survey = try kafka.survey()
        #expect(survey.isDamaged && survey.lastStableOffset == Offset(1))
        #expect(survey.aborted.isEmpty && survey.logEnd == Offset(2))
        #expect(try kafka.records(committed: true) == ["0:a"])
    }
}
