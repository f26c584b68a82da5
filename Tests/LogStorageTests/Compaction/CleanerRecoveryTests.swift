import LogModel
import Testing

@testable import LogStorage

/// What is done with the names that an interrupted cleaning leaves.
@Suite struct CleanerRecoveryTests {
    private static let a = "00000000000000000000"
    private static let b = "00000000000000000100"
    private static let c = "00000000000000000200"
    private static let pending = CompactedSegments.Entry(
        base: .zero,
        end: Offset(200),
        byteCount: 42,
        checksum: 7
    )

    private static func plan(
        _ files: [String: Int64],
        _ pending: CompactedSegments.Entry? = pending
    ) -> CleanerRecovery.Plan {
        CleanerRecovery.plan(files: files, pending: pending)
    }

    @Test func `a folder without leftovers needs nothing`() {
        #expect(Self.plan([Self.a + ".log": 1, "leader-epoch-checkpoint": 2], nil) == .actions([]))
    }

    @Test func `what was not decided is removed`() {
        let files: [String: Int64] = [
            Self.a + ".log": 100, Self.a + ".log.cleaned": 42, Self.a + ".index.swap": 8,
            Self.b + ".log.deleted": 9, "compacted-segments.tmp": 3, "compacted-segments": 24,
        ]
        #expect(
            Self.plan(files, nil)
                == .actions([
                    .remove(Self.a + ".index.swap"), .remove(Self.a + ".log.cleaned"),
                    .remove(Self.b + ".log.deleted"), .remove("compacted-segments.tmp"),
                ])
        )
    }

    @Test func `what was decided is completed from its cleaned files`() {
        let files: [String: Int64] = [
            Self.a + ".log": 100, Self.a + ".log.cleaned": 42, Self.a + ".index.cleaned": 8,
            Self.b + ".log": 100, Self.b + ".snapshot": 9, Self.b + ".index": 9,
            Self.c + ".log": 100,
        ]
        #expect(
            Self.plan(files)
                == .actions([
                    .rename(Self.a + ".index.cleaned", to: Self.a + ".index.swap"),
                    .rename(Self.a + ".log.cleaned", to: Self.a + ".log.swap"),
                    .syncDirectory,
                    .remove(Self.b + ".index"), .remove(Self.b + ".log"),
                    .remove(Self.b + ".snapshot"),
                    .rename(Self.a + ".index.swap", to: Self.a + ".index"),
                    .rename(Self.a + ".log.swap", to: Self.a + ".log"),
                    .syncDirectory, .complete,
                ])
        )
    }

    @Test func `what was decided is completed from the midst of its renames`() {
        let files: [String: Int64] = [
            Self.a + ".log.swap": 42, Self.a + ".index": 8, Self.a + ".log.deleted": 100,
            Self.b + ".log.deleted": 100, Self.b + ".index": 9,
        ]
        #expect(
            Self.plan(files)
                == .actions([
                    .syncDirectory, .remove(Self.b + ".index"),
                    .rename(Self.a + ".log.swap", to: Self.a + ".log"),
                    .syncDirectory,
                    .remove(Self.a + ".log.deleted"), .remove(Self.b + ".log.deleted"),
                    .complete,
                ])
        )
    }

    @Test func `what is in place already is only noted`() {
        #expect(
            Self.plan([Self.a + ".log": 42, Self.c + ".log": 1])
                == .actions([.syncDirectory, .syncDirectory, .complete])
        )
    }

    @Test(arguments: [[:], [".log": 41], [".log": 42, ".log.cleaned": 41], [".log.swap": 0]])
    func `a decided segment that is not there as it was written is damage`(
        sizes: [String: Int64]
    ) {
        let files = Dictionary(uniqueKeysWithValues: sizes.map { (Self.a + $0, $1) })
        guard case .damaged = Self.plan(files) else {
            Issue.record("taken for whole: \(sizes)")
            return
        }
    }

    // MARK: Kafka's folders

    private static func kafka(_ names: [String], end: Int64 = 200) -> [String: String] {
        let actions = CleanerRecovery.plan(ofKafka: names) { _ in Offset(end) }
        return CleanerRecovery.names(names, after: actions)
    }

    @Test func `in Kafka's folders a swap file replaces what it covers`() {
        let names = [
            Self.a + ".log", Self.a + ".index", Self.a + ".log.swap", Self.a + ".index.swap",
            Self.b + ".log", Self.b + ".timeindex", Self.b + ".snapshot", Self.c + ".log",
            "partition.metadata",
        ]
        #expect(
            Self.kafka(names) == [
                Self.a + ".log": Self.a + ".log.swap", Self.a + ".index": Self.a + ".index.swap",
                Self.b + ".snapshot": Self.b + ".snapshot", Self.c + ".log": Self.c + ".log",
                "partition.metadata": "partition.metadata",
            ]
        )
    }

    @Test func `in Kafka's folders cleaned and deleted files do not count`() {
        let names = [
            Self.a + ".log", Self.a + ".log.cleaned", Self.b + ".log.deleted", Self.b + ".log",
        ]
        #expect(
            Self.kafka(names) == [
                Self.a + ".log": Self.a + ".log", Self.b + ".log": Self.b + ".log",
            ]
        )
    }

    @Test func `in Kafka's folders a half done split is undone`() {
        // KAFKA-6264: of two new segments one is .swap, the other still .cleaned.
        let names = [Self.a + ".log", Self.a + ".log.cleaned", Self.b + ".log.swap"]
        #expect(Self.kafka(names) == [Self.a + ".log": Self.a + ".log"])
    }
}
