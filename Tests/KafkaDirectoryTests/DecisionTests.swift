import KafkaDirectory
import LogModel
import MillraceTestKit
import Testing

/// Which open transaction a decision of the coordinator's ends.
@Suite struct DecisionTests {
    private static let decidedAt: Int64 = 1_700_000_000_000

    private static func decision(
        _ epoch: Int16,
        version: Int16,
        _ result: TransactionResult = .commit
    ) -> PartitionTransactions.Decision {
        PartitionTransactions.Decision(
            producerID: ProducerID(7),
            epoch: ProducerEpoch(epoch),
            result: result,
            clientVersion: version,
            time: Timestamp(decidedAt)
        )
    }

    private static func records(_ base: Int64, epoch: Int16) -> [UInt8] {
        Maker.batch(base, values: "x", producer: .init(7, epoch: epoch, sequence: Int32(base)))
    }

    private static func marker(_ base: Int64, epoch: Int16, time: Int64 = decidedAt) -> [UInt8] {
        Maker.marker(base, .commit, producer: 7, epoch: epoch, time: time)
    }

    private static func survey(
        _ entries: [[UInt8]],
        _ decision: PartitionTransactions.Decision
    ) throws -> PartitionSurvey {
        let kafka = try KafkaReading(isClean: false)
        try kafka.maker.partition("t-0", [0: entries])
        return try PartitionSurvey(
            try kafka.partition(),
            disk: kafka.disk,
            decided: decision.isComplete ? [] : [decision],
            complete: decision.isComplete ? [decision.producerID: decision] : [:]
        )
    }

    @Test(arguments: [TransactionResult.commit, .abort])
    func `with version 2 it ends a transaction of a lower epoch, and not the one behind its marker`(
        result: TransactionResult
    ) throws {
        let decision = Self.decision(4, version: 2, result)
        let open = try Self.survey([Self.records(0, epoch: 3)], decision)
        #expect(open.lastStableOffset == Offset(1) && open.pendingEnds.count == 1)
        #expect(open.aborted.isEmpty == (result == .commit))
        let fenced = try Self.survey([Self.records(0, epoch: 2)], decision)
        #expect(fenced.lastStableOffset == Offset(1))
        let next = try Self.survey(
            [Self.records(0, epoch: 3), Self.marker(1, epoch: 4), Self.records(2, epoch: 4)],
            decision
        )
        #expect(next.lastStableOffset == Offset(2))
        #expect(next.pendingEnds.isEmpty && next.aborted.isEmpty)
    }

    @Test(arguments: [0, 1] as [Int16])
    func `before version 2 it ends nothing where a marker of its time or later is there`(
        version: Int16
    ) throws {
        let decision = Self.decision(3, version: version)
        let first = try Self.survey([Self.records(0, epoch: 3)], decision)
        #expect(first.lastStableOffset == Offset(1))
        for (distance, end) in [(-1, 3), (0, 2), (1, 2)] as [(Int64, Int64)] {
            let survey = try Self.survey(
                [
                    Self.records(0, epoch: 3),
                    Self.marker(1, epoch: 3, time: Self.decidedAt + distance),
                    Self.records(2, epoch: 3),
                ],
                decision
            )
            #expect(survey.lastStableOffset == Offset(end), "\(distance)")
        }
        // A fence raises the epoch: the marker in front is not its own, whatever the clock said.
        let fenced = try Self.survey(
            [Self.records(0, epoch: 3), Self.marker(1, epoch: 3), Self.records(2, epoch: 3)],
            Self.decision(4, version: version, .abort)
        )
        #expect(fenced.lastStableOffset == Offset(3) && fenced.pendingEnds.count == 1)
    }

    @Test func `behind damage may lie the marker that an open transaction lacks`() throws {
        var bad = Self.marker(1, epoch: 4)
        bad[bad.count - 1] ^= 1
        let entries = [Self.records(0, epoch: 3), bad]
        for (epoch, version, end) in [(5, 2, 0), (4, 2, 1), (3, 0, 0)] as [(Int16, Int16, Int64)] {
            let survey = try Self.survey(
                entries + [Self.records(2, epoch: epoch)],
                Self.decision(epoch, version: version)
            )
            #expect(survey.isDamaged && survey.lastStableOffset == Offset(end), "\(epoch)")
        }
    }

    private static func completed(
        _ epoch: Int16,
        version: Int16,
        _ result: TransactionResult = .commit
    ) -> PartitionTransactions.Decision {
        var completed = decision(epoch, version: version, result)
        completed.isComplete = true
        return completed
    }

    /// The coordinator wrote that all markers are there; a power loss took one.
    @Test(arguments: [TransactionResult.commit, .abort])
    func `one that has ended ends here where version 2 tells that it is that one`(
        result: TransactionResult
    ) throws {
        let survey = try Self.survey(
            [Self.records(0, epoch: 3)],
            Self.completed(4, version: 2, result)
        )
        #expect(survey.lastStableOffset == Offset(1) && survey.pendingEnds.count == 1)
        #expect(survey.aborted.isEmpty == (result == .commit))
        #expect(!survey.isDamaged && !survey.hasLostEnds)
    }

    @Test(arguments: [(3, 1), (4, 1), (3, 0), (3, 2), (5, 2)] as [(Int16, Int16)])
    func `one that is open though all have ended is damage, whose end nothing tells`(
        epoch: Int16,
        version: Int16
    ) throws {
        let decision = Self.completed(epoch, version: version)
        let survey = try Self.survey([Self.records(0, epoch: 3)], decision)
        #expect(survey.lastStableOffset == .zero && survey.pendingEnds.isEmpty)
        #expect(survey.hasLostEnds && survey.isDamaged)
        #expect(survey.findings.map(\.offset) == [.zero])
        // With its marker all is well.
        let whole = try Self.survey(
            [Self.records(0, epoch: 3), Self.marker(1, epoch: version >= 2 ? 4 : 3)],
            decision
        )
        #expect(!whole.isDamaged && !whole.hasLostEnds)
    }
}
