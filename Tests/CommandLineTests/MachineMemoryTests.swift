import Foundation
import Testing

@testable import JobRunner

@Suite("How much memory a job's stores get")
struct MachineMemoryTests {
    @Test func `a group's limit is a number of bytes, or none`() {
        #expect(MachineMemory.limit(of: "1073741824\n") == 1 << 30)
        #expect(MachineMemory.limit(of: "max\n") == nil)
        #expect(MachineMemory.limit(of: "") == nil)
        #expect(MachineMemory.limit(of: "99999999999999999999\n") == nil)
    }

    @Test func `the least limit from a group upwards counts, half of it for stores`() throws {
        let root = FileManager.default.temporaryDirectory.appending(
            path: "millrace-groups-\(UUID().uuidString)"
        )
        let group = root.appending(path: "outer/inner")
        try FileManager.default.createDirectory(at: group, withIntermediateDirectories: true)
        defer { #expect(throws: Never.self) { try FileManager.default.removeItem(at: root) } }
        let machine = MachineMemory.byteCount(groupFolder: nil, below: root.path)
        #expect(machine > 64 << 20)
        try Data("max\n".utf8).write(to: group.appending(path: "memory.max"))
        #expect(MachineMemory.byteCount(groupFolder: group.path, below: root.path) == machine)
        try Data("67108864\n".utf8).write(to: root.appending(path: "outer/memory.max"))
        #expect(MachineMemory.byteCount(groupFolder: group.path, below: root.path) == 64 << 20)
        #expect(MachineMemory.standardShare > 0)
        #expect(MachineMemory.standardShare <= machine / 2)
    }
}
