import Bytes
import Foundation
import LogModel
import MillraceTestKit
import Testing

@testable import LogStorage

/// A data directory is the folder that was opened, whatever its path leads to later.
@Suite struct MovedDirectoryTests {
    /// Runs `body` with the path of a folder of the machine's.
    private func withFolder(_ body: (String) throws -> Void) throws {
        let folder = FileManager.default.temporaryDirectory
            .appending(path: "millrace-moved-\(UUID().uuidString)").path
        try PosixDisk().createDirectory(folder)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try body(folder)
    }

    private struct Opened {
        let data: DataDirectory
        let log: PartitionLog

        /// Takes the directory at `path`, with a topic of small segments.
        init(_ path: String) throws {
            data = try DataDirectory.open(
                disk: PosixDisk(),
                path: path,
                owner: "test",
                creates: true,
                time: ManualTimeSource(),
                journal: .small
            )
            let logs =
                try data.topics.first.map { [data] in data.partitions(of: $0.id) }
                ?? data.createTopic(
                    TestLog.topic,
                    id: TestLog.topicID,
                    partitionCount: 1,
                    options: ["segment.bytes": "1048576"]
                )
            guard let log = logs.first else { throw TestFailure("there is no partition") }
            self.log = log
        }

        func append(_ values: [String]) throws {
            for value in values {
                var batch = TestProducer.batch([value], from: nil, at: 0)
                _ = try batch.withUnsafeMutableBytes { try log.append($0, origin: .embedded) }
            }
        }

        func flush() throws { try data.groups.flushAndWait([log]) }

        func values() throws -> [String] { try TestLog.records(of: log).map(\.value) }
    }

    /// What a directory holds when it is opened anew.
    private func values(in path: String) throws -> [String] {
        let opened = try Opened(path)
        defer { opened.data.release() }
        #expect(opened.data.notes.isEmpty)
        try opened.log.wake()
        #expect(opened.log.recoveryReport?.cut == nil)
        return try opened.values()
    }

    /// Values of which the segments are rolled.
    private static let large = (0..<3).map { "\($0)" + String(repeating: "x", count: 400_000) }

    @Test func `a directory that is moved goes on where it is`() throws {
        try withFolder { folder in
            let path = "\(folder)/data"
            let old = try Opened(path)
            try old.append(["old"])
            try old.flush()
            try PosixDisk().rename(path, to: "\(folder)/data.old")
            let new = try Opened(path)
            try new.append(["new"])
            try new.flush()
            try old.append(Self.large)
            try old.flush()
            try old.data.close()
            try new.append(["newer"])
            try new.data.close()
            #expect(try values(in: path) == ["new", "newer"])
            #expect(try values(in: "\(folder)/data.old") == ["old"] + Self.large)
        }
    }

    @Test func `a link that is turned to another directory changes nothing for who has it open`()
        throws
    {
        try withFolder { folder in
            let link = "\(folder)/current"
            let disk = PosixDisk()
            for name in ["first", "second"] { try disk.createDirectory("\(folder)/\(name)") }
            try FileManager.default.createSymbolicLink(
                atPath: link,
                withDestinationPath: "first"
            )
            let old = try Opened("\(link)/data")
            try disk.remove(link)
            try FileManager.default.createSymbolicLink(
                atPath: link,
                withDestinationPath: "second"
            )
            let new = try Opened("\(link)/data")
            try new.append(["new"])
            try new.data.close()
            try old.append(Self.large)
            try old.data.close()
            #expect(try values(in: "\(folder)/first/data") == Self.large)
            #expect(try values(in: "\(folder)/second/data") == ["new"])
        }
    }

    @Test func `a directory that is removed takes no more, and the next at its path is left alone`()
        throws
    {
        try withFolder { folder in
            let path = "\(folder)/data"
            let old = try Opened(path)
            try old.append(["old"])
            try old.flush()
            try FileManager.default.removeItem(atPath: path)
            let new = try Opened(path)
            try new.append(["new"])
            try new.data.close()
            try old.append(["lost"])
            let reason = "\(path) was removed while it was open, or moved to another disk"
            #expect {
                try old.flush()
            } throws: { "\($0)".contains(reason) }
            #expect {
                try old.data.close()
            } throws: { "\($0)".contains(reason) }
            #expect(try values(in: path) == ["new"])
        }
    }

    @Test func `a directory that is removed does not close as if it were there`() throws {
        try withFolder { folder in
            let path = "\(folder)/data"
            let opened = try Opened(path)
            try opened.append(["old"])
            try opened.flush()
            try FileManager.default.removeItem(atPath: path)
            #expect(throws: LogStorageError.disk(.removed(path: path))) {
                try opened.data.close()
            }
        }
    }

    @Test func `a journal that is removed vouches for nothing`() throws {
        try withFolder { folder in
            let path = "\(folder)/data"
            let opened = try Opened(path)
            try opened.append(["first"])
            try opened.flush()
            try FileManager.default.removeItem(atPath: "\(path)/.millrace")
            try opened.append(["second"])
            #expect {
                try opened.flush()
            } throws: { "\($0)".contains("1.journal was removed while it was open") }
            opened.data.release()
        }
    }

    @Test func `a partition whose folder lies behind a link goes with its topic`() throws {
        try withFolder { folder in
            let path = "\(folder)/data"
            let elsewhere = "\(folder)/elsewhere"
            try PosixDisk().createDirectory(elsewhere)
            let opened = try Opened(path)
            try FileManager.default.createSymbolicLink(
                atPath: "\(path)/t-0",
                withDestinationPath: elsewhere
            )
            try opened.append(["gone"])
            try opened.flush()
            try opened.data.removeTopic(TestLog.topic)
            #expect(try PosixDisk().list(path).contains("t-0") == false)
            #expect(try PosixDisk().list(elsewhere) == [])
            _ = try opened.data.createTopic(
                TestLog.topic,
                id: UniqueID(high: 3, low: 4),
                partitionCount: 1,
                options: [:]
            )
            try opened.data.close()
        }
    }
}
