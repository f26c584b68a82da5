import Foundation
import LogModel
import Terminal
import Testing

@testable import MillraceCommand

extension EndToEnd {
    /// `millrace doctor` over whole directories.
    @Suite(.serialized) struct DoctorTests {
        private let folder: TemporaryFolder
        private var data: String { folder.path("data") }

        init() throws {
            folder = try TemporaryFolder()
            try Millrace.succeed(
                "topic",
                "create",
                "lines",
                "--partitions",
                "2",
                "--data",
                data
            )
        }

        private func produce(_ text: String, _ options: String...) throws {
            let input = try folder.write("input", text)
            let words = ["produce", "lines", "--data", data] + options
            let outcome = try Millrace.tool(Millrace.executable, words, input: input)
            #expect(outcome.status == 0, "\(outcome.errors)")
        }

        /// What is found of an area, the place of the folder apart, which is the test machine's.
        private func findings() throws -> (status: Int32, byArea: [String: [String]]) {
            let outcome = try Millrace.run("doctor", "--json", "--data", data)
            var byArea: [String: [String]] = [:]
            for line in outcome.lines {
                let object = try #require(
                    try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
                )
                let (area, level) = (object["area"] as? String, object["level"] as? String)
                let what = object["what"] as? String ?? ""
                byArea[area ?? "", default: []].append("\(level ?? ""): \(what)")
            }
            return (outcome.status, byArea)
        }

        @Test func `a healthy directory is told so, alone and beside its owner`() throws {
            try produce("a|1\nb|2\n", "--key-separator", "|")
            let (_, alone) = try findings()
            #expect(alone["health"] == ["ok: 2 partitions opened, none is offline or read-only"])
            #expect(alone["transactions"] == ["ok: none is open"])
            #expect(alone["end"] == ["ok: the last process ended in order"])
            #expect(alone["clock"] == ["ok: no file is of a later time than now"])
            #expect(alone["times"] == ["ok: no partition ends with a record of the future"])
            #expect(alone["keys"] == nil)
            for area in ["durability", "flush", "space", "descriptors", "memory", "groups"] {
                #expect(alone[area]?.count == 1, "\(area)")
            }
            let owner = try OwnerProcess.serve(data, folder)
            let (_, beside) = try findings()
            #expect(beside["end"]?.first?.hasSuffix("is at work") == true)
            #expect(
                beside["health"] == [
                    "ok: the log's owner knows of no partition that is offline or read-only"
                ]
            )
            withExtendedLifetime(owner) {}
        }

        @Test func `what is wrong is a warning, and the exit code says so`() throws {
            try produce("a|1\nb|2\n", "--key-separator", "|")
            let names = try FileManager.default.contentsOfDirectory(atPath: data)
            let partition = try #require(names.first { $0.hasPrefix("lines-") })
            try FileManager.default.setAttributes(
                [.modificationDate: Date(timeIntervalSinceNow: 86_400)],
                ofItemAtPath: "\(data)/\(partition)/partition.metadata"
            )
            let (status, found) = try findings()
            #expect(status == 1)
            #expect(found["clock"]?.first?.hasPrefix("warning: ") == true, "\(found)")
        }

        @Test func `a partition that nobody has opened yet is looked at`() throws {
            for partition in ["0", "1"] {
                try produce("a\nb\n", "--partition", partition)
            }
            try FileManager.default.removeItem(atPath: "\(data)/lines-1")
            let file = "\(data)/lines-0/00000000000000000000.log"
            var bytes = try Data(contentsOf: URL(filePath: file))
            bytes[bytes.count - 3] ^= 0x10
            try bytes.write(to: URL(filePath: file))
            let (status, found) = try findings()
            #expect(status == 1)
            let health = found["health"] ?? []
            #expect(health.count == 2, "\(found)")
            #expect(health.first?.hasPrefix("warning: lines-0 takes no more records") == true)
            #expect(health.last?.hasPrefix("warning: lines-1 is offline") == true, "\(health)")
        }

        @Test func `records without a key among others are noted`() throws {
            try produce("a|1\nb\nc\n", "--key-separator", "|", "--partition", "0")
            let (_, found) = try findings()
            let note = "note: 2 of 3 records looked at in lines have no key"
            #expect(found["keys"] == [note], "\(found)")
        }

        @Test func `deleted records are no part of the sample, though their file has them`() throws
        {
            try produce("a\nb\n", "--partition", "0")
            try produce("k|1\nk|2\n", "--key-separator", "|", "--partition", "0")
            #expect(try findings().byArea["keys"]?.first?.hasPrefix("note: 2 of 4") == true)
            try Millrace.succeed(
                "topic",
                "delete-records",
                "lines",
                "--partition",
                "0",
                "--before",
                "1",
                "--execute",
                "--data",
                data
            )
            #expect(try findings().byArea["keys"]?.first?.hasPrefix("note: 1 of 3") == true)
        }

        @Test func `a folder that is no data directory is refused`() throws {
            let outcome = try Millrace.run("doctor", "--data", folder.path("none"))
            #expect(outcome.status == 1 && outcome.output.isEmpty)
            #expect(outcome.errors.contains("there is no data directory"))
        }
    }
}

/// What single facts mean, as values.
@Suite struct DiagnosisTests {
    private static let mounts = """
        22 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw
        30 22 0:40 / /run rw,nosuid - tmpfs tmpfs rw,size=1g
        31 22 254:2 / /var/lib/my\\040data rw,noatime shared:2 - xfs /dev/vdb rw,nobarrier
        40 22 0:52 / /mnt rw shared:3 master:1 - nfs4 server:/export rw,vers=4.2
        41 22 0:60 / /merged rw - overlay overlay rw,lowerdir=/a
        """

    @Test(arguments: [
        ("/home/a", "ext4", Mount.Durability.onDisk), ("/run/x", "tmpfs", .inMemory),
        ("/runner", "ext4", .onDisk), ("/var/lib/my data/x", "xfs", .onDisk),
        ("/mnt", "nfs4", .onNetwork), ("/merged/data", "overlay", .inContainer),
    ])
    func `a path's file system is that of the longest mount point`(
        path: String,
        kind: String,
        durability: Mount.Durability
    ) throws {
        let mount = try #require(Mount.of(path, in: Self.mounts))
        #expect(mount.kind == kind && mount.durability == durability)
        #expect(mount.careless == (kind == "xfs" ? ["nobarrier"] : []))
    }

    private func machine(
        _ path: String,
        flush: Result<FlushMeasurement, FlushFailure>
    ) -> MachineFacts {
        MachineFacts(
            mount: Mount.of(path, in: Self.mounts),
            flush: flush,
            freeByteCount: 100 << 30,
            freeFileCount: nil,
            descriptorLimit: 65_536,
            memoryByteCount: 8 << 30
        )
    }

    @Test(arguments: [
        (Duration.microseconds(2), Finding.Level.warning), (.microseconds(40), .good),
        (.milliseconds(3), .good), (.milliseconds(50), .warning),
    ])
    func `a flush is too fast to be true, or too slow`(median: Duration, level: Finding.Level) {
        let facts = machine(
            "/home",
            flush: .success(FlushMeasurement(median: median, count: 32))
        )
        let found = MachineDiagnosis.findings(facts, directory: "d")
        #expect(found.map(\.level) == [.good, level])
    }

    @Test(arguments: ["/run/d", "/mnt/d", "/merged/d", "/var/lib/my data/d"])
    func `a place that forgets is a warning`(path: String) {
        let facts = machine(
            path,
            flush: .success(FlushMeasurement(median: .milliseconds(1), count: 32))
        )
        let found = MachineDiagnosis.findings(facts, directory: path)
        #expect(found.first?.level == .warning && found.first?.next != nil)
    }

    private func topic(_ options: [String: String], _ byteCounts: [Int]) -> DirectoryFacts.Topic {
        DirectoryFacts.Topic(
            name: "t",
            isInternal: false,
            options: options,
            byteCounts: byteCounts,
            since: Timestamp(0)
        )
    }

    @Test func `a topic grows at its pace until retention removes as much`() {
        let day: Int64 = 86_400_000
        func growth(_ options: [String: String], days: Int64) -> Int {
            DirectoryDiagnosis.growth(
                of: topic(options, [500, 500]),
                now: Timestamp(days * day)
            )
        }
        #expect(growth([:], days: 1) == 6_000)
        #expect(growth([:], days: 8) == 0)
        #expect(growth(["retention.ms": "\(2 * day)"], days: 1) == 1_000)
        #expect(growth(["retention.bytes": "800"], days: 1) == 600)
        #expect(growth(["retention.ms": "-1"], days: 1) == 0)
        #expect(growth(["retention.ms": "-1", "retention.bytes": "700"], days: 1) == 400)
        #expect(growth(["cleanup.policy": "compact"], days: 1) == 0)
        #expect(growth(["retention.bytes": "\(Int.max)"], days: 1) == 6_000)
    }

    @Test(arguments: [
        (4, "j: 4 stores of 1 B on disk share 10.0 GiB for tables", ": 2.5 GiB each"),
        (1, "j: 1 store of 1 B on disk has 10.0 GiB for tables", ""),
    ])
    func `what stores share adds up`(count: Int, begin: String, end: String) {
        let whole = ", five eighths of the 16.0 GiB that a job gets without --memory"
        var facts = DirectoryFacts()
        facts.jobs = [DirectoryFacts.Job(name: "j", storeCount: count, fileCount: 1, byteCount: 1)]
        var machine = machine(
            "/home",
            flush: .success(FlushMeasurement(median: .milliseconds(1), count: 32))
        )
        machine.memoryByteCount = 32 << 30
        let findings = DirectoryDiagnosis(
            directory: "d",
            machine: machine,
            facts: facts,
            now: Timestamp(1)
        ).findings
        #expect(findings.first { $0.area == "memory" }?.what == begin + whole + end)
    }

    @Test(arguments: [
        ((16 << 20) - 1, "no records are taken while less than 16.0 MiB are free"),
        (16 << 20, "on a full disk nothing is produced"),
    ])
    func `what is free is weighed against what is kept`(free: Int, why: String) {
        var small = machine(
            "/home",
            flush: .success(FlushMeasurement(median: .milliseconds(1), count: 32))
        )
        small.freeByteCount = free
        let findings = DirectoryDiagnosis(
            directory: "d",
            machine: small,
            facts: DirectoryFacts(),
            now: Timestamp(1)
        ).findings
        let space = findings.first { $0.area == "space" }
        #expect(space?.why?.hasPrefix(why) == true, "\(String(describing: space))")
    }

    @Test func `sizes, files and shares are weighed against the machine`() {
        var facts = DirectoryFacts()
        facts.topics = [topic([:], [100 << 20, 1 << 20, 1 << 20, 1 << 20, 1 << 20, 1 << 20])]
        facts.jobs = [DirectoryFacts.Job(name: "j", storeCount: 4, fileCount: 40, byteCount: 1)]
        facts.newestFile = ("f", Timestamp(0))
        var small = machine(
            "/home",
            flush: .success(FlushMeasurement(median: .milliseconds(1), count: 32))
        )
        func levels(_ machine: MachineFacts) -> [String: Finding.Level] {
            let found = DirectoryDiagnosis(
                directory: "d",
                machine: machine,
                facts: facts,
                now: Timestamp(1)
            ).findings
            return Dictionary(found.map { ($0.area, $0.level) }) { first, _ in first }
        }
        var crowded = small
        crowded.freeFileCount = 999
        #expect(levels(crowded)["files"] == .warning)
        crowded.freeFileCount = 1_000
        #expect(levels(crowded)["files"] == nil)
        #expect(
            levels(small) == [
                "space": .good, "descriptors": .good, "memory": .good, "partitions": .warning,
                "clock": .good,
            ]
        )
        small.freeByteCount = 1 << 20
        small.descriptorLimit = 128
        small.memoryByteCount = 1 << 20
        facts.topics[0].byteCounts = [1 << 30, 1 << 30]
        facts.newestFile = ("f", Timestamp(120_000))
        #expect(
            levels(small) == [
                "space": .warning, "descriptors": .warning, "memory": .warning,
                "partitions": .good, "clock": .warning,
            ]
        )
    }
}
