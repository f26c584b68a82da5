import Foundation
import LogModel
import LogStorage
import Testing

/// What the machine's disk says of a file's time.
@Suite struct FileTimeTests {
    @Test func `a file is given the time that it is told`() throws {
        let path = FileManager.default.temporaryDirectory
            .appending(path: "millrace-time-\(UUID().uuidString)").path
        let disk = PosixDisk()
        try disk.open(path, .create).close()
        defer { try? FileManager.default.removeItem(atPath: path) }
        try disk.setModificationTime(of: path, to: Timestamp(1_700_000_000_123))
        #expect(try disk.modificationTime(of: path) == Timestamp(1_700_000_000_123))
    }
}
