import Broker
import Foundation
import LogModel
import LogStorage
import MillraceTestKit
import Testing

/// Which folders become data directories, and which stay as they are.
@Suite struct DirectoryTests {
    private static let kafka = "version=1\nnode.id=1\ncluster.id=abc\ndirectory.id=def\n"

    private func open(_ disk: SimulatedDisk, creates: Bool) throws(BrokerError) -> Broker {
        try Broker.open(
            disk: disk,
            directory: LogHarness.directory,
            configuration: .simulated,
            time: ManualTimeSource(),
            creates: creates
        )
    }

    /// A folder with these files.
    private func folder(_ files: [String: String]) throws -> SimulatedDisk {
        let disk = SimulatedDisk()
        try disk.createDirectory(LogHarness.directory)
        for (name, text) in files { disk.write(text, to: "\(LogHarness.directory)/\(name)") }
        return disk
    }

    @Test(arguments: [false, true])
    func `a directory of Kafka's is refused and left as it is`(creates: Bool) throws {
        let disk = try folder([
            "meta.properties": Self.kafka, ".lock": "",
            "recovery-point-offset-checkpoint": "0\n0\n",
        ])
        let before = disk.operationCount
        #expect(throws: BrokerError.kafkaDirectory(LogHarness.directory)) {
            _ = try open(disk, creates: creates)
        }
        #expect(disk.operationCount == before)
    }

    @Test func `none is made inside one of Kafka's, at no depth`() throws {
        let disk = try folder(["meta.properties": Self.kafka])
        try disk.createDirectory("\(LogHarness.directory)/in-0")
        let before = disk.operationCount
        for inside in ["data", "in-0/a/b"] {
            #expect(throws: BrokerError.kafkaDirectory(LogHarness.directory)) {
                _ = try Broker.open(disk: disk, directory: "\(LogHarness.directory)/\(inside)")
            }
        }
        #expect(disk.operationCount == before)
    }

    @Test func `the folders above a path are those that its links lead to`() throws {
        let folder = FileManager.default.temporaryDirectory
            .appending(path: "millrace-above-\(UUID().uuidString)")
            .resolvingSymlinksInPath().path
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let manager = FileManager.default
        try manager.createDirectory(atPath: "\(folder)/a/b", withIntermediateDirectories: true)
        try manager.createSymbolicLink(
            atPath: "\(folder)/link",
            withDestinationPath: "\(folder)/a/b"
        )
        let disk = PosixDisk()
        #expect(
            disk.folders(above: "\(folder)/link/new/data").prefix(3)
                == ["\(folder)/a/b", "\(folder)/a", folder]
        )
        #expect(disk.folders(above: "\(folder)/a/b").prefix(2) == ["\(folder)/a", folder])
        #expect(disk.folders(above: "data").first == manager.currentDirectoryPath)
    }

    @Test(arguments: [false, true])
    func `a folder with other files is refused and left as it is`(creates: Bool) throws {
        let disk = try folder(["letter.txt": "mine"])
        let before = disk.operationCount
        #expect(throws: BrokerError.foreignDirectory(LogHarness.directory)) {
            _ = try open(disk, creates: creates)
        }
        #expect(disk.operationCount == before)
    }

    @Test(arguments: [(65_536, 16_384), (20_000, 10_000), (1024, 512), (128, 64), (20, 16)])
    func `the log keeps no more than half of the descriptors open`(limit: Int, kept: Int) {
        #expect(DescriptorBudget.kept(of: limit) == kept)
    }

    @Test func `who only asks makes no directory`() throws {
        let none = SimulatedDisk()
        for disk in [none, try folder([:])] {
            let before = disk.operationCount
            #expect(throws: BrokerError.noDirectory(LogHarness.directory)) {
                _ = try open(disk, creates: false)
            }
            #expect(disk.operationCount == before)
        }
        #expect(try none.kind(of: LogHarness.directory) == nil)
    }

    @Test(arguments: [("1", "1", "format 1"), ("99", "99", "newer program")])
    func `a directory of another format is refused with what helps`(
        format: String,
        reader: String,
        words: String
    ) throws {
        let disk = try folder([
            "meta.properties":
                "version=1\nmillrace.format=\(format)\nmillrace.minimum.reader=\(reader)\n"
        ])
        let before = disk.operationCount
        let error = #expect(throws: BrokerError.self) { _ = try open(disk, creates: true) }
        guard case .otherFormat(let text)? = error else {
            Issue.record("not refused for its format: \(String(describing: error))")
            return
        }
        #expect(text.contains(words))
        #expect(disk.operationCount == before)
    }

    @Test func `a directory of a later program that this one may read is opened`() throws {
        let log = try LogHarness()
        try log.broker.createTopic("t", partitionCount: 1)
        try log.broker.close()
        log.disk.write(
            "version=1\nnode.id=1\nmillrace.format=3\nmillrace.minimum.reader=2\n",
            to: "/data/meta.properties"
        )
        #expect(try LogHarness(disk: log.disk, time: log.time).broker.topic("t") != nil)
    }
}

extension SimulatedDisk {
    /// Makes the file hold this text.
    func write(_ text: String, to path: String) {
        do throws(DiskError) {
            if try kind(of: path) != nil { try remove(path) }
            let file = try open(path, .create)
            var text = text
            let outcome = text.withUTF8 { bytes in
                Result { () throws(DiskError) in
                    try file.write(UnsafeRawBufferPointer(bytes), at: 0)
                }
            }
            try outcome.get()
            try file.sync()
        } catch { Issue.record("\(path) was not written: \(error)") }
    }

    /// What the file holds; nil for none.
    func text(of path: String) -> String? {
        do throws(DiskError) {
            guard try kind(of: path) == .file else { return nil }
            let file = try open(path, .read)
            let bytes = UnsafeMutableRawBufferPointer.allocate(
                byteCount: Int(try file.byteCount()),
                alignment: 8
            )
            defer { bytes.deallocate() }
            let count = try file.read(into: bytes, at: 0)
            return String(decoding: bytes[..<count], as: UTF8.self)
        } catch { return nil }
    }
}
