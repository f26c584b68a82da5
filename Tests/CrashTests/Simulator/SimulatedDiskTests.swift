import LogStorage
import MillraceTestKit
import Testing

@Suite struct `The simulated disk` {
    let disk = SimulatedDisk()

    private func write(_ text: String, to path: String, at position: Int64 = 0) throws {
        let file =
            try disk.kind(of: path) == nil ? disk.open(path, .create) : disk.open(path, .readWrite)
        try Array(text.utf8).withUnsafeBytes { try file.write($0, at: position) }
    }

    private func contents(_ path: String, of disk: SimulatedDisk) throws -> String? {
        guard try disk.kind(of: path) == .file else { return nil }
        let file = try disk.open(path, .read)
        var bytes = [UInt8](repeating: 0, count: Int(try file.byteCount()))
        let count = try bytes.withUnsafeMutableBytes { try file.read(into: $0, at: 0) }
        return String(decoding: bytes[..<count], as: UTF8.self)
    }

    private func afterPowerLoss() -> SimulatedDisk {
        let plan = disk.crashPlan()
        return disk.crashState(plan, keeping: plan.nothingKept)
    }

    @Test func `reads back what was written, before any sync`() throws {
        try write("hello", to: "a")
        try write("J", to: "a")
        #expect(try contents("a", of: disk) == "Jello")
        #expect(try contents("a", of: disk.afterKill()) == "Jello")
    }

    @Test func `loses a synced file whose name was not synced`() throws {
        try write("hello", to: "a")
        try disk.open("a", .readWrite).sync()
        #expect(try contents("a", of: afterPowerLoss()) == nil)
        try disk.syncDirectory("")
        #expect(try contents("a", of: afterPowerLoss()) == "hello")
    }

    @Test func `keeps a synced name with the bytes that were synced`() throws {
        try write("hello", to: "a")
        try disk.syncDirectory("")
        #expect(try contents("a", of: afterPowerLoss()) == "")
        try disk.open("a", .readWrite).sync()
        try write(" world", to: "a", at: 5)
        #expect(try contents("a", of: afterPowerLoss()) == "hello")
    }

    @Test func `gives back an old name, or an old length, when the change was not synced`() throws {
        try write("hello", to: "a")
        try disk.open("a", .readWrite).sync()
        try disk.syncDirectory("")
        try disk.rename("a", to: "b")
        try disk.open("b", .readWrite).truncate(to: 2)
        #expect(try contents("b", of: disk) == "he")
        #expect(try contents("a", of: afterPowerLoss()) == "hello")
        #expect(try contents("b", of: afterPowerLoss()) == nil)
        try disk.syncDirectory("")
        #expect(try contents("a", of: afterPowerLoss()) == nil)
        #expect(try contents("b", of: afterPowerLoss()) == "hello")
    }

    @Test func `finds all sectors of a torn write in every combination`() throws {
        let sector = SimulatedDiskFacts.sectorByteCount
        try write(String(repeating: "-", count: 3 * sector), to: "a")
        try disk.open("a", .readWrite).sync()
        try disk.syncDirectory("")
        try write(String(repeating: "+", count: 3 * sector), to: "a")
        let plan = disk.crashPlan()
        let count = try #require(plan.stateCount(upTo: 100))
        #expect(count == 8)
        let states = try (0..<count).map { number in
            try contents("a", of: disk.crashState(plan, keeping: plan.choice(number: number))) ?? ""
        }
        #expect(Set(states).count == 8)
        #expect(states.allSatisfy { $0.utf8.count == 3 * sector })
    }

    @Test func `reads zeros where a file grew but its bytes did not arrive`() throws {
        try write("hello", to: "a")
        try disk.syncDirectory("")
        let plan = disk.crashPlan()
        let states = try (0..<(plan.stateCount(upTo: 100) ?? 0)).map {
            try contents("a", of: disk.crashState(plan, keeping: plan.choice(number: $0)))
        }
        #expect(Set(states) == ["", "\0\0\0\0\0", "hello"])
    }

    @Test func `shows nothing behind a kept cut, whatever was written there before`() throws {
        try write(String(repeating: "x", count: 2000), to: "a")
        try disk.open("a", .readWrite).sync()
        try disk.syncDirectory("")
        try disk.open("a", .readWrite).truncate(to: 0)
        try write("y", to: "a", at: 1999)
        let plan = disk.crashPlan()
        for number in 0..<(plan.stateCount(upTo: 10_000) ?? 0) {
            let state = disk.crashState(plan, keeping: plan.choice(number: number))
            let text = try #require(try contents("a", of: state))
            let isUncut = text.allSatisfy { "xy\0".contains($0) } && text.utf8.first == 0x78
            #expect(isUncut || !text.contains("x"))
        }
    }

    @Test func `reports a failed sync once and loses its bytes for good`() throws {
        try write("hello", to: "a")
        try disk.syncDirectory("")
        let file = try disk.open("a", .readWrite)
        disk.inject(DiskFault(.operation(.sync), onPathEnding: "a"))
        #expect(throws: DiskError.self) { try file.sync() }
        try file.sync()
        #expect(try contents("a", of: disk) == "hello")
        #expect(try contents("a", of: disk.afterKill()) == "hello")
        let plan = disk.crashPlan()
        #expect(try contents("a", of: disk.crashState(plan, keeping: plan.everythingKept)) == "")
        try write("hello", to: "a")
        try file.sync()
        #expect(try contents("a", of: afterPowerLoss()) == "hello")
    }

    @Test func `writes what fits when it is full`() throws {
        disk.setCapacity(3)
        #expect(throws: DiskError.full(path: "a")) { try write("hello", to: "a") }
        #expect(try contents("a", of: disk) == "hel")
        #expect(try disk.freeByteCount(at: "") == 0)
    }

    @Test func `rots, and fails reads, where it is told`() throws {
        try write("hello", to: "a")
        disk.rot("a", at: 0, bit: 0)
        #expect(try contents("a", of: disk) == "iello")
        disk.inject(DiskFault(.read, onPathEnding: "a", skipping: 1))
        #expect(try contents("a", of: disk) == "iello")
        #expect(throws: DiskError.self) { try contents("a", of: disk) }
        #expect(try contents("a", of: disk) == "iello")
    }

    @Test func `locks until close or death`() throws {
        let lock = try disk.lock("l", owner: "me")
        #expect(throws: DiskError.locked(path: "l", owner: "me")) {
            try disk.lock("l", owner: "you")
        }
        try disk.afterKill().lock("l", owner: "you").close()
        lock.close()
        try disk.lock("l", owner: "you").close()
    }

    @Test func `fails every call after the power went`() throws {
        try write("hello", to: "a")
        disk.losePower(atOperation: disk.operationCount)
        #expect(throws: DiskError.powerIsOff("a")) { try write("x", to: "a") }
        #expect(throws: DiskError.powerIsOff("a")) { try contents("a", of: disk) }
    }

    @Test func `gives the same states for the same seed`() throws {
        try disk.createDirectory("d")
        for index in 0..<20 {
            try write(String(repeating: "abc", count: 400), to: "d/\(index % 3)", at: Int64(index))
        }
        func states(seed: UInt64) throws -> [[String?]] {
            var generator = SeededGenerator(seed: seed)
            return try (0..<50).map { _ in
                let state = disk.crashState(using: &generator)
                return try (0..<3).map { try contents("d/\($0)", of: state) }
            }
        }
        #expect(try states(seed: 7) == states(seed: 7))
        #expect(try states(seed: 7) != states(seed: 8))
    }

    @Test func `lists, nests and removes folders`() throws {
        try disk.createDirectory("/data")
        try disk.createDirectory("/data/t-0")
        try write("x", to: "/data/t-0/b")
        try write("x", to: "/data/t-0/a")
        #expect(try disk.list("/data/t-0") == ["a", "b"])
        try disk.rename("/data/t-0", to: "/data/t-0.deleted")
        #expect(throws: DiskError.self) { try disk.removeDirectory("/data/t-0.deleted") }
        try disk.remove("/data/t-0.deleted/a")
        try disk.remove("/data/t-0.deleted/b")
        try disk.removeDirectory("/data/t-0.deleted")
        #expect(try disk.list("/data") == [])
        #expect(throws: DiskError.notFound(path: "/other/x")) { try disk.open("/other/x", .create) }
    }
}

enum SimulatedDiskFacts {
    static let sectorByteCount = 512
}
