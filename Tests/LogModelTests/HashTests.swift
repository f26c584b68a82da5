import Bytes
import CChecksum
import Foundation
import Testing

struct HashTests {
    private struct Vectors: Decodable {
        struct Murmur: Decodable {
            var keyHex: String
            var hash: Int32
        }
        struct Checksum: Decodable {
            var hex: String
            var crc: UInt32
        }
        struct Coordinator: Decodable {
            var id: String
            var hashCode: Int32
            var of50: Int32
        }
        var murmur2: [Murmur]
        var crc32c: [Checksum]
        var coordinatorPartition: [Coordinator]
    }

    private func vectors() throws -> Vectors {
        try JSONDecoder().decode(Vectors.self, from: Fixture.data("hashes.json"))
    }

    @Test func `keys hash as Kafka's do`() throws {
        for vector in try vectors().murmur2 {
            let hash = Fixture.bytes(hex: vector.keyHex).withUnsafeBytes { murmur2($0) }
            #expect(hash == vector.hash, "\(vector.keyHex)")
        }
    }

    @Test func `groups find the coordinator partition that Kafka's find`() throws {
        for vector in try vectors().coordinatorPartition {
            #expect(javaHashCode(vector.id) == vector.hashCode, "\(vector.id)")
            #expect(coordinatorPartition(of: vector.id, count: 50) == vector.of50, "\(vector.id)")
        }
    }

    @Test func `sums are Kafka's`() throws {
        for vector in try vectors().crc32c {
            let sum = Fixture.bytes(hex: vector.hex).withUnsafeBytes { crc32c($0) }
            #expect(sum == vector.crc, "\(vector.hex)")
        }
    }

    @Test func `the processor's sum is the table's at every length and seed`() {
        var generator = SeededGenerator(seed: 3)
        let bytes = generator.bytes(20_000)
        bytes.withUnsafeBytes { buffer in
            guard let base = buffer.baseAddress else { return }
            for count in Array(0..<2100) + [6143, 6144, 6145, 12_288, 16_384, 19_980] {
                let seed = UInt32(truncatingIfNeeded: generator.next())
                let start = base + count % 13
                let fast = millrace_crc32c(seed, start, count)
                #expect(fast == millrace_crc32c_portable(seed, start, count), "\(count) bytes")
            }
        }
    }

    @Test func `a sum continues from a sum`() {
        let bytes = Array("123456789".utf8)
        let parts = bytes.withUnsafeBytes { buffer in
            let first = crc32c(UnsafeRawBufferPointer(rebasing: buffer[..<4]))
            return crc32c(UnsafeRawBufferPointer(rebasing: buffer[4...]), seed: first)
        }
        #expect(parts == 0xe306_9283)
    }

    @Test func `an identifier reads as the text it is written as`() {
        var generator = SeededGenerator(seed: 4)
        for _ in 0..<200 {
            let id = UniqueID(high: generator.next(), low: generator.next())
            #expect(UniqueID(id.description) == id)
        }
        #expect(UniqueID.zero.description == "AAAAAAAAAAAAAAAAAAAAAA")
        #expect(UniqueID("AAAAAAAAAAAAAAAAAAAAA") == nil)
        #expect(UniqueID("AAAAAAAAAAAAAAAAAAAAAB") == nil)
        #expect(UniqueID("AAAAAAAAAAAAAAAAAAAA+A") == nil)
    }
}
