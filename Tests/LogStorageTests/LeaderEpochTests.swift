import LogModel
import MillraceTestKit
import Testing

@testable import LogStorage

/// `leader-epoch-checkpoint` has no checksum, and outlives records that were cut.
@Suite struct LeaderEpochTests {
    private static let path = "\(TestLog.directory)/\(LeaderEpochs.fileName)"

    private func closed(_ count: Int, epochs: String) throws -> SimulatedDisk {
        let log = try TestLog()
        for number in 0..<count { try log.append(["\(number)"]) }
        try log.flush()
        try log.close()
        let disk = try log.simulated.copy()
        try disk.remove(Self.path)
        try disk.append(Array(epochs.utf8), to: Self.path)
        return disk
    }

    @Test(arguments: ["0\n2\n0 0\n7 1000\n", "0\n1\n7 1000\n", "0\n3\n0 0\n4 2\n7 9\n"])
    func `an epoch that begins behind the end is dropped, and no batch gets it`(
        epochs: String
    ) throws {
        let disk = try closed(1, epochs: epochs)
        let findings = try LogVerifier.verify(disk: disk, directory: TestLog.root).findings
        #expect(findings.map(\.severity) == [.note], "\(findings)")
        let log = try TestLog(opening: disk)
        for number in 1..<4 { try log.append(["\(number)"]) }
        try log.flush()
        try log.close()
        #expect(try disk.content(Self.path) == Array("0\n1\n0 0\n".utf8))
        #expect(try LogVerifier.verify(disk: disk, directory: TestLog.root).findings.isEmpty)
        // Read whole, each batch must have the epoch that is known.
        try disk.remove(TestLog.checkpoint)
        disk.releaseLocks()
        let again = try TestLog(opening: disk)
        #expect(try again.records().map(\.value) == ["0", "1", "2", "3"])
        #expect(try again.recovery?.damage == nil)
        try again.append(["4"])
    }

    @Test func `a torn tail of a relaxed topic does not speak for a changed file`() throws {
        for changed in [false, true] {
            let log = try TestLog(["millrace.durability": "relaxed"])
            for number in 0..<5 { try log.append(["\(number)"]) }
            let disk = try log.simulated.afterKill()
            try disk.append([1, 2, 3], to: "\(TestLog.directory)/00000000000000000000.log")
            if changed {
                if try disk.kind(of: Self.path) != nil { try disk.remove(Self.path) }
                try disk.append(Array("0\n1\n4 0\n".utf8), to: Self.path)
            }
            let again = try TestLog(opening: disk)
            #expect(try again.records().map(\.value) == ["0", "1", "2", "3", "4"])
            #expect(try again.recovery?.cut?.byteCount == 3)
            #expect(try again.recovery?.damage == nil)
            try again.append(["5"])
        }
    }

    @Test func `an epoch that begins at the end has the next batch`() throws {
        let disk = try closed(1, epochs: "0\n2\n0 0\n7 1\n")
        let log = try TestLog(opening: disk)
        try log.append(["1"])
        try log.flush()
        try log.close()
        #expect(try LogVerifier.verify(disk: disk, directory: TestLog.root).findings.isEmpty)
        #expect(try log.killed().records().map(\.value) == ["0", "1"])
    }
}
