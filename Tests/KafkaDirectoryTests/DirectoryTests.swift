import Bytes
import Foundation
import KafkaDirectory
import LogModel
import LogStorage
import MillraceTestKit
import Testing

/// What a directory is, and what lies in it.
@Suite struct DirectoryTests {
    @Test func `the kind of a directory is told before anything is opened`() {
        func kind(_ names: [String]?, _ meta: String? = nil) -> DirectoryKind {
            .of(names: names, meta: meta.map { Array($0.utf8) })
        }
        #expect(kind(nil) == .absent)
        #expect(kind([]) == .empty)
        #expect(kind(["millrace.lock", "millrace.topics"]) == .empty)
        #expect(kind(["meta.properties"], "version=1\nmillrace.format=3\n") == .ours(format: 3))
        #expect(kind(["meta.properties"], "#\nversion=1\nnode.id=1\n") == .kafka)
        #expect(kind(["meta.properties"], "version=0\r\nbroker.id=7\r\n") == .kafka)
        #expect(kind(["t-0", "recovery-point-offset-checkpoint"]) == .kafka)
        #expect(kind(["recovery-point-offset-checkpoint", "millrace.topics"]) == .other)
        #expect(kind(["orders-2024"]) == .other)
        #expect(kind(["meta.properties"], "colour=red\n") == .other)
        #expect(kind(["meta.properties"], "version=1\nmillrace.format=x\n") == .other)
    }

    @Test func `topics are told by their folders, and numbers may be missing`() throws {
        let kafka = try KafkaReading()
        try kafka.maker.partition("t-0", [0: [Maker.batch(0, values: "a")]])
        try kafka.maker.partition("t-2", [0: []], id: nil)
        try kafka.maker.partition("t-1.abcdef-delete", [0: [Maker.batch(0, values: "b")]])
        try kafka.maker.partition("a-b-10", [:])
        try kafka.maker.partition("t-07", [:])
        try kafka.maker.partition("__consumer_offsets-0", [:])
        try kafka.maker.partition("__transaction_state-0", [:])
        let directory = try kafka.open()
        #expect(directory.topicNames == ["a-b", "t"])
        #expect(directory.partitions(of: "t").map(\.name.partition.rawValue) == [0, 2])
        #expect(directory.partitions(of: "t").map { $0.topicID == nil } == [false, true])
    }

    @Test func `directories of ZooKeeper's time are read`() throws {
        let kafka = try KafkaReading(properties: "#\n#Mon\nversion=0\nbroker.id=0\ncluster.id=x\n")
        try kafka.maker.partition("t-0", [0: [Maker.batch(0, values: "a")]], id: nil)
        #expect(try kafka.records() == ["0:a"])
    }

    @Test func `a directory of ours, or of nobody, is refused`() throws {
        let ours = try KafkaReading(properties: "version=1\nmillrace.format=1\n")
        #expect(throws: KafkaDirectoryError.self) { try ours.open() }
        #expect(throws: KafkaDirectoryError.notKafka("there is no such folder")) {
            try KafkaDirectory.open(disk: SimulatedDisk(), path: "/nothing")
        }
    }

    /// A broker notes its partitions once a minute and at a clean end.
    @Test(arguments: [true, false])
    func `a partition that the broker had and that has no folder is told`(isClean: Bool) throws {
        let kafka = try KafkaReading(isClean: isClean)
        try kafka.maker.partition("t-0", [0: [Maker.batch(0, values: "a")]])
        try kafka.maker.checkpoint("recovery-point-offset", "t 0 1", "t 1 7", "t 2 9", "gone 0 3")
        // On its way from another log directory.
        try kafka.disk.createDirectory("\(kafka.maker.path)/t-2.0123abcd-future")
        let lost = try kafka.open().lost
        #expect(lost.map { "\($0.partition)" } == (isClean ? ["gone-0", "t-1"] : ["t-1"]))
        #expect(lost.allSatisfy { $0.severity == (isClean ? .damage : .note) })
    }

    @Test(arguments: [
        ("0\n1\n3 0\n", 0), ("0\n2\n3 4\n7 9\n", nil), ("0\n0\n", nil), ("x", nil),
    ])
    func `what retention would have told of is noted where a log begins later`(
        epochs: String,
        start: Int64?
    ) throws {
        let kafka = try KafkaReading()
        try kafka.maker.partition("t-0", [4: [Maker.batch(4, values: "a")]])
        try kafka.maker.write("t-0/leader-epoch-checkpoint", Array(epochs.utf8))
        let survey = try kafka.survey()
        #expect(survey.findings.map(\.severity) == (start == nil ? [] : [.note]))
        #expect(survey.findings.first?.offset == start.map { Offset($0) })
        #expect(!survey.isDamaged)
    }

    @Test(arguments: [
        ("true", "is in remote storage (remote.storage.enable), which is not read"),
        ("false", "was deleted by retention, or is lost"),
        (nil, "was deleted by retention, or is in remote storage, or lost"),
    ])
    func `of a tiered topic what lies before is said to be in remote storage`(
        option: String?,
        told: String
    ) throws {
        let kafka = try KafkaReading()
        try kafka.maker.partition("t-0", [4: [Maker.batch(4, values: "a")]])
        try kafka.maker.write("t-0/leader-epoch-checkpoint", Array("0\n1\n3 0\n".utf8))
        if let option {
            let id = UniqueID(high: 1, low: 2)
            let records = [
                try KafkaMetadataMaker.topic("t", id),
                try KafkaMetadataMaker.partition(0, of: id),
                try KafkaMetadataMaker.option("t", "remote.storage.enable", option),
            ]
            try kafka.maker.partition(
                "__cluster_metadata-0",
                [0: [KafkaMetadataMaker.batch(0, records)]]
            )
        }
        let survey = try kafka.survey()
        #expect(survey.findings.count == 1)
        #expect(survey.findings.first?.reason.hasSuffix("what lies before \(told)") == true)
    }

    @Test func `the log starts where the checkpoint says`() throws {
        let kafka = try KafkaReading()
        try kafka.maker.partition("t-0", [4: [Maker.batch(4, values: "a", "b", "c")]])
        try kafka.maker.partition("u-0", [4: [Maker.batch(4, values: "a")]])
        try kafka.maker.checkpoint("log-start-offset", "t 0 6")
        try kafka.maker.write("cleaner-offset-checkpoint", [])
        #expect(try kafka.partition("t-0").logStart == Offset(6))
        #expect(try kafka.partition("u-0").logStart == Offset(4))
    }

    @Test func `a log that begins behind all its records is told, and is empty`() throws {
        let kafka = try KafkaReading()
        try kafka.maker.partition("t-0", [4: [Maker.batch(4, values: "a", "b", "c")]])
        try kafka.maker.partition("u-0", [4: [Maker.batch(4, values: "a")]])
        try kafka.maker.checkpoint("log-start-offset", "t 0 9", "u 0 5")
        let survey = try kafka.survey("t-0")
        #expect(survey.logStart == Offset(9) && survey.logEnd == Offset(9))
        #expect(survey.findings.map(\.offset) == [Offset(7)])
        #expect(survey.findings.first?.reason.contains("this folder ends at 7") == true)
        #expect(try kafka.survey("u-0").findings.isEmpty)
    }

    @Test func `a checkpoint that makes no sense is named, not taken for none`() throws {
        let kafka = try KafkaReading()
        try kafka.maker.write("log-start-offset-checkpoint", Array("0\n2\nt 0 6\n".utf8))
        #expect(throws: KafkaDirectoryError.self) { try kafka.open() }
    }

    @Test func `a lock that a process holds is seen, and not taken`() throws {
        let folder = FileManager.default.temporaryDirectory.path + "/kafka-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let disk = PosixDisk()
        let maker = try KafkaDirectoryMaker(disk, folder)
        try maker.partition("t-0", [0: [Maker.batch(0, values: "a")]])
        try maker.write(".lock", [])
        _ = try KafkaDirectory.open(disk: disk, path: folder)
        guard let python = ["/usr/bin/python3"].first(where: FileManager.default.fileExists)
        else {
            print("SKIPPED: holding a lock in another process needs python3")
            return
        }
        let holder = Process()
        holder.executableURL = URL(fileURLWithPath: python)
        holder.arguments = [
            "-c",
            "import fcntl,sys; f=open(sys.argv[1],'r+'); fcntl.lockf(f,fcntl.LOCK_EX);"
                + "print('locked',flush=True); sys.stdin.read()",
            folder + "/.lock",
        ]
        let (output, input) = (Pipe(), Pipe())
        holder.standardOutput = output
        holder.standardInput = input
        try holder.run()
        #expect(output.fileHandleForReading.availableData.count > 0)
        #expect(
            throws: KafkaDirectoryError.brokerIsRunning(processID: holder.processIdentifier)
        ) { try KafkaDirectory.open(disk: disk, path: folder) }
        try input.fileHandleForWriting.close()
        holder.waitUntilExit()
        _ = try KafkaDirectory.open(disk: disk, path: folder)
    }
}
