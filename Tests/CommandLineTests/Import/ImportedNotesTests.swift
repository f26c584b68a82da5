import Bytes
import DirectoryAccess
import LogModel
import MillraceTestKit
import Testing

@testable import ClientCommands
@testable import DirectoryCommands

/// What is known of dead letters stays known where their topics are brought over from Kafka.
@Suite struct ImportedNotesTests {
    private static let letters = "p-dead-letters"
    /// The id that the maker gives, and that of an earlier topic of the name.
    private static let id = "AAAAAAAAQACAAAAAAAAAAg"
    private static let earlierID = "AAAAAAAAQACAAAAAAAAAAw"

    private static func note(
        _ delta: Int32,
        _ offsets: String,
        _ action: String,
        of id: String
    ) -> Maker.Record {
        Maker.Record(
            delta,
            offsets,
            key: "0",
            headers: [
                ("__millrace.audit.version", "1"), ("__millrace.audit.action", action),
                ("__millrace.audit.id", "run"), ("__millrace.audit.topic-id", id),
                ("__millrace.audit.by", "ada@host"),
            ]
        )
    }

    /// Five dead letters: two were replayed, one parked, and a note is about an earlier topic.
    private static func fill(_ maker: KafkaDirectoryMaker, isCompressed: Bool) throws {
        let records = (0..<5).map { number in
            Maker.Record(Int32(number), "v\(number)", headers: [("__streams.errors.topic", "p")])
        }
        try maker.partition("\(letters)-0", [0: [Maker.batch(0, records)]], id: id)
        var notes = Maker.batch(
            0,
            [note(0, "0-4", "drop", of: earlierID), note(1, "0-1", "replay", of: id)],
            producer: .init(7, sequence: 0)
        )
        if isCompressed { notes = try compressed(notes) }
        let commit = Maker.marker(2, .commit, producer: 7)
        let later = Maker.batch(3, [note(0, "3", "park", of: id)])
        try maker.partition(
            "\(letters)-audit-0",
            [0: [notes, commit, later]],
            id: "AAAAAAAAQACAAAAAAAAABA"
        )
    }

    private static func compressed(_ batch: [UInt8]) throws -> [UInt8] {
        var compressor = RecordCompressor()
        let start = RecordBatchLayout.headerByteCount
        let block = Array(
            try Array(batch[start...]).withUnsafeBytes { try compressor.compress($0, codec: .zstd) }
        )
        var bytes = Array(batch[..<start]) + block
        bytes.withUnsafeMutableBytes { bytes in
            guard let p = bytes.baseAddress else { return }
            let length = Int32(bytes.count - RecordBatchLayout.lengthPrefixByteCount)
            p.storeBigEndian(length, at: RecordBatchLayout.length)
            let plain = UnsafeRawPointer(p).bigEndian(
                UInt16.self,
                at: RecordBatchLayout.attributes
            )
            let codec = BatchAttributes(codec: .zstd).rawValue
            p.storeBigEndian(plain | codec, at: RecordBatchLayout.attributes)
            let summed = UnsafeRawBufferPointer(
                rebasing: UnsafeRawBufferPointer(bytes)[RecordBatchLayout.attributes...]
            )
            p.storeBigEndian(crc32c(summed), at: RecordBatchLayout.checksum)
        }
        return bytes
    }

    @Test(arguments: [false, true], [false, true])
    func `what was done about dead letters counts behind an import`(
        isRaw: Bool,
        isCompressed: Bool
    ) throws {
        let harness = try ImportHarness()
        try Self.fill(harness.maker, isCompressed: isCompressed)
        let report = try harness.bring(raw: isRaw) { log throws in
            let served = ServedLog(inProcess: log)
            let letters = try served.letterTopic(Self.letters)
            let states = try served.states(of: letters, isTold: false)
            let found = (0..<5).map { offset in
                states.state(
                    of: LetterPlace(
                        partition: TopicPartition(Self.letters, PartitionIndex(0)),
                        offset: Offset(offset)
                    )
                )
            }
            #expect(found == [.replayed, .replayed, .open, .parked, .open])
            #expect(states.dealtWithCount == 3)
            // The earlier topic of Kafka's is not this one.
            #expect(states.doubt.otherCount == 1)
        }
        #expect(!report.isDamaged)
        #expect(!report.warnings.contains("dead letters"), "\(report.warnings)")
    }

    @Test func `notes without their letters, and letters without their notes, are told`() throws {
        for (topic, words) in [
            (Self.letters, "p-dead-letters: its notes of which dead letters were dealt with"),
            ("\(Self.letters)-audit", "count only where both come over in one import"),
        ] {
            let harness = try ImportHarness()
            try Self.fill(harness.maker, isCompressed: false)
            let report = try harness.bring(topics: topic)
            #expect(report.warnings.contains(words), "\(report.warnings)")
        }
    }
}
