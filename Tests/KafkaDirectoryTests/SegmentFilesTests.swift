import LogModel
import MillraceTestKit
import Testing

@testable import KafkaDirectory

/// The files that a cleaner leaves on its way, taken as Kafka takes them at its start.
@Suite struct SegmentFilesTests {
    private static func name(_ base: Int64, _ suffix: String) -> String {
        KafkaDirectoryMaker.digits(base) + suffix
    }

    @Test func `what is deleted or half cleaned is not the log`() throws {
        let kafka = try KafkaReading()
        try kafka.maker.partition("t-0", [0: [Maker.batch(0, values: "a", "b")]])
        for (name, value) in [
            (Self.name(0, ".log.deleted"), "old"), (Self.name(0, ".log.cleaned"), "half"),
            (Self.name(9, ".log.deleted"), "old"),
        ] { try kafka.maker.write("t-0/\(name)", Maker.batch(0, values: value)) }
        #expect(try kafka.records() == ["0:a", "1:b"])
    }

    @Test func `a finished replacement takes the place of what it covers`() throws {
        let kafka = try KafkaReading()
        try kafka.maker.partition(
            "t-0",
            [
                0: [Maker.batch(0, values: "a", "b")], 2: [Maker.batch(2, values: "c", "d")],
                4: [Maker.batch(4, values: "e")],
            ]
        )
        try kafka.maker.checkpoint("cleaner-offset", "t 0 4")
        let compacted = Maker.batch(0, [.init(1, "b")], span: 1) + Maker.batch(2, [.init(1, "d")])
        try kafka.maker.write("t-0/\(Self.name(0, ".log.swap"))", compacted)
        #expect(try kafka.records() == ["1:b", "3:d", "4:e"])
        #expect(try kafka.survey().findings.isEmpty)
    }

    @Test func `a replacement behind a half cleaned file belongs to an unfinished split`() {
        let files = SegmentFiles(
            names: [
                Self.name(0, ".log"), Self.name(5, ".log.swap"), Self.name(3, ".log.cleaned"),
                Self.name(1, ".log.swap"),
            ]
        )
        #expect(files.swaps == [Offset(1)])
        #expect(files.chosen(swapEnd: Offset(3)).map(\.base) == [Offset(0), Offset(1)])
    }

    @Test func `an empty replacement still replaces the segment of its name`() {
        let files = SegmentFiles(names: [Self.name(0, ".log"), Self.name(0, ".log.swap")])
        #expect(files.chosen(swapEnd: Offset(0)).map(\.suffix) == [".log.swap"])
    }
}
