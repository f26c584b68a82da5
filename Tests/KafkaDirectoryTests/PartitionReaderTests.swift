import KafkaDirectory
import LogModel
import LogStorage
import MillraceTestKit
import Testing

/// Segments of all formats, whole, torn and damaged.
@Suite struct PartitionReaderTests {
    @Test func `the three formats are read from one segment`() throws {
        let kafka = try KafkaReading()
        let inner = try (0..<3).map {
            try Maker.message(Int64($0), format: 1, time: 9, value: "w\($0)")
        }
        try kafka.maker.partition(
            "t-0",
            [
                0: [
                    try Maker.message(0, format: 0, key: "k", value: "zero"),
                    try Maker.message(1, format: 1, time: 7, value: nil),
                    try Maker.wrapper(4, format: 1, time: 9, around: inner),
                    Maker.batch(5, values: "five"),
                ]
            ]
        )
        #expect(
            try kafka.records() == ["0:zero", "1:null", "2:w0", "3:w1", "4:w2", "5:five"]
        )
        #expect(try kafka.survey().findings.isEmpty)
        #expect(try kafka.survey().recordCount == 6)
    }

    @Test(arguments: [UInt8(0), 1])
    func `a wrapper whose messages reach back behind the entry before it is damage`(
        format: UInt8
    ) throws {
        let kafka = try KafkaReading()
        func wrapper(_ first: Int64, _ last: Int64) throws -> [UInt8] {
            let inner = try (first...last).map {
                try Maker.message(
                    format == 0 ? $0 : $0 - first,
                    format: format,
                    time: 9,
                    value: "v\($0)"
                )
            }
            return try Maker.wrapper(last, format: format, time: 9, around: inner)
        }
        try kafka.maker.partition("t-0", [0: [try wrapper(0, 9), try wrapper(3, 19)]])
        let survey = try kafka.survey()
        #expect(survey.findings.map(\.severity) == [.damage])
        let reason = survey.findings.first?.reason
        #expect(reason?.contains("offset 3 ") == true && reason?.contains("10 is next") == true)
        #expect(survey.logEnd == Offset(10) && survey.recordCount == 10)
        #expect(try kafka.records().count == 10)
        // One that begins where the other ends is whole, and so is one with a gap before it.
        try kafka.maker.partition("u-0", [0: [try wrapper(0, 9), try wrapper(10, 19)]])
        #expect(try kafka.survey("u-0").findings.isEmpty)
        try kafka.maker.partition("v-0", [0: [try wrapper(0, 9), try wrapper(12, 19)]])
        #expect(try !kafka.survey("v-0").isDamaged)
    }

    @Test func `gaps of compaction are read over, others are told`() throws {
        for wasCompacted in [true, false] {
            let kafka = try KafkaReading()
            try kafka.maker.partition(
                "t-0",
                [0: [Maker.batch(0, values: "a"), Maker.batch(7, values: "b")], 20: []]
            )
            if wasCompacted { try kafka.maker.checkpoint("cleaner-offset", "t 0 7") }
            let survey = try kafka.survey()
            #expect(try kafka.records() == ["0:a", "7:b"])
            #expect(survey.missingOffsetCount == 18 && survey.gapCount == 2)
            #expect(survey.logEnd == Offset(20))
            #expect(survey.findings.map(\.severity) == (wasCompacted ? [] : [.note, .damage]))
        }
    }

    @Test func `a segment that is missing in the middle is damage, and what follows is read`()
        throws
    {
        let kafka = try KafkaReading()
        let segments = [
            Int64(0): [Maker.batch(0, values: "a")], 5: [Maker.batch(5, values: "f", "g")],
        ]
        try kafka.maker.partition("t-0", segments)
        try kafka.maker.partition("__consumer_offsets-0", segments)
        let survey = try kafka.survey()
        #expect(survey.findings.map(\.severity) == [.damage])
        #expect(survey.findings.first?.file.hasSuffix("00000000000000000005.log") == true)
        #expect(survey.findings.first?.reason.contains("a segment is missing") == true)
        #expect(survey.logEnd == Offset(7) && survey.lastStableOffset == Offset(7))
        #expect(try kafka.records() == ["0:a", "5:f", "6:g"])
        #expect(try kafka.survey("__consumer_offsets-0").findings.isEmpty)
    }

    @Test func `each cut of the last batch is a torn tail after a kill and damage otherwise`()
        throws
    {
        let first = Maker.batch(0, values: "a")
        let last = Maker.batch(1, values: "b")
        for count in 1..<last.count {
            for isClean in [true, false] {
                let kafka = try KafkaReading(isClean: isClean)
                try kafka.maker.partition("t-0", [0: [first, Array(last[..<count])]])
                let survey = try kafka.survey()
                #expect(survey.logEnd == Offset(1), "\(count)")
                #expect(survey.findings.map(\.severity) == [isClean ? .damage : .note], "\(count)")
                #expect(survey.findings.first?.position == Int64(first.count))
            }
        }
    }

    @Test func `zeros at the end are a note, below what was flushed they are damage`() throws {
        for (recoveryPoint, severity) in [(1, KafkaFinding.Severity.note), (2, .damage)] {
            let kafka = try KafkaReading(isClean: false)
            let zeros = [UInt8](repeating: 0, count: 3 << 20)
            try kafka.maker.partition("t-0", [0: [Maker.batch(0, values: "a"), zeros]])
            try kafka.maker.checkpoint("recovery-point-offset", "t 0 \(recoveryPoint)")
            #expect(try kafka.survey().findings.map(\.severity) == [severity])
            #expect(try kafka.records() == ["0:a"])
        }
    }

    @Test func `zeros behind a closed segment lose nothing where the next goes on at once`() throws
    {
        let zeros = [UInt8](repeating: 0, count: 1 << 20)
        for (second, expected) in [(Int64(1), ["0:a", "1:b"]), (2, ["0:a"])] {
            let kafka = try KafkaReading(isClean: true)
            try kafka.maker.partition(
                "t-0",
                [
                    0: [Maker.batch(0, values: "a"), zeros],
                    second: [Maker.batch(second, values: "b")],
                ]
            )
            let severity: KafkaFinding.Severity = second == 1 ? .note : .damage
            #expect(try kafka.survey().findings.map(\.severity) == [severity])
            #expect(try kafka.records() == expected)
        }
    }

    @Test func `a flipped bit in front of whole batches is damage, and what follows is named`()
        throws
    {
        let batches = (0..<3).map { Maker.batch(Int64($0), values: "value \($0)") }
        for bit in 0..<(batches[1].count * 8) {
            var flipped = batches[1]
            flipped[bit / 8] ^= 1 << UInt8(bit % 8)
            let kafka = try KafkaReading(isClean: false)
            try kafka.maker.partition("t-0", [0: [batches[0], flipped, batches[2]]])
            let survey = try kafka.survey()
            // Leader epochs mean nothing here; a base offset moved up shows at the next batch.
            if (96..<128).contains(bit) {
                #expect(survey.findings.isEmpty, "bit \(bit)")
                continue
            }
            #expect(survey.isDamaged, "bit \(bit)")
            guard bit >= 128 || (64..<96).contains(bit) else { continue }
            #expect(survey.logEnd == Offset(1), "bit \(bit)")
            let reason = survey.findings.first?.reason ?? ""
            #expect(reason.contains("whole batches go on"), "bit \(bit): \(reason)")
            #expect(reason.contains("offset 2"), "bit \(bit): \(reason)")
        }
    }

    @Test func `damage in a closed segment is damage whatever the end was like`() throws {
        let kafka = try KafkaReading(isClean: false)
        let torn = Array(Maker.batch(1, values: "b").dropLast(3))
        try kafka.maker.partition(
            "t-0",
            [0: [Maker.batch(0, values: "a"), torn], 2: [Maker.batch(2, values: "c")]]
        )
        let survey = try kafka.survey()
        #expect(survey.isDamaged && survey.logEnd == Offset(1))
        #expect(survey.findings.first?.reason.contains("next segment begins at offset 2") ?? false)
    }

    @Test func `a log that ends below what was flushed is damaged`() throws {
        let kafka = try KafkaReading()
        try kafka.maker.partition("t-0", [0: [Maker.batch(0, values: "a")]])
        try kafka.maker.checkpoint("recovery-point-offset", "t 0 5")
        #expect(try kafka.survey().isDamaged)
    }

    @Test func `records that are not what the header says are damage`() throws {
        let kafka = try KafkaReading()
        let wrong = Maker.batch(1, [.init(0, "a"), .init(5, "b")], span: 1)
        try kafka.maker.partition("t-0", [0: [Maker.batch(0, values: "x"), wrong]])
        let survey = try kafka.survey()
        #expect(survey.isDamaged && survey.logEnd == Offset(1))
        #expect(try kafka.records() == ["0:x"])
    }

    @Test func `impossible offsets are damage and no trap`() throws {
        for (base, span) in [(Int64.max, Int32(0)), (Int64.max - 1, 5), (-5, 0), (1 << 40, 0)] {
            let kafka = try KafkaReading()
            let bad = Maker.batch(base, [.init(0, "a")], span: span)
            try kafka.maker.partition("t-0", [0: [Maker.batch(0, values: "x"), bad]])
            #expect(try kafka.survey().isDamaged, "\(base)")
            #expect(try kafka.records() == ["0:x"])
        }
    }

    /// Text whose bytes pass for lengths, and damaged batches of these sizes, in front of whole
    /// ones: a search reads on, and into a larger buffer.
    @Test(arguments: [[1_500_000], [9_000_000], [400_000, 700_000], [400_000, 7_000]])
    func `whole batches behind damage are found, whatever the damage is made of`(
        _ sizes: [Int]
    ) throws {
        let kafka = try KafkaReading(isClean: false)
        var batches = [Maker.batch(0, values: "a")]
        for (number, size) in sizes.enumerated() {
            var damaged = Maker.batch(
                Int64(1 + number),
                values: String(repeating: "a", count: size)
            )
            damaged[damaged.count - 100] ^= 1
            batches.append(damaged)
        }
        let next = Int64(1 + sizes.count)
        batches += [Maker.batch(next, values: "b"), Maker.batch(next + 1, values: "c")]
        try kafka.maker.partition("t-0", [0: batches])
        let survey = try kafka.survey()
        #expect(survey.findings.map(\.severity) == [.damage])
        #expect(
            survey.findings.first?.reason.contains("whole batches go on") == true,
            "\(survey.findings)"
        )
    }

    @Test func `a search that gives up is not one that found nothing`() throws {
        let disk = SimulatedDisk()
        var damaged = Maker.batch(0, values: String(repeating: "x", count: 1000))
        damaged[200] ^= 1
        let file = try disk.open("/log", .create)
        let bytes = damaged + damaged + Maker.batch(1, values: "whole")
        try bytes.withUnsafeBytes { try file.write($0, at: 0) }
        for (budget, isFound) in [(1 << 20, true), (500, false)] {
            var scanner = EntryScanner(
                file: file,
                to: Int64(bytes.count),
                searchByteBudget: budget
            )
            switch try scanner.findNext(atLeast: Offset(0)) {
            case .found: #expect(isFound)
            case .gaveUp: #expect(!isFound)
            case .nothing: Issue.record("it looked no further")
            }
        }
    }
}
