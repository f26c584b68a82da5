import Bytes
import Testing

struct ShortBytesTests {
    private static let lengths = Array(0...70)

    /// `body` with `count` bytes of a larger piece of memory.
    private static func withBytes<Result>(
        _ count: Int,
        _ body: (UnsafeMutableRawBufferPointer) -> Result
    ) -> Result {
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: count + 64, alignment: 1)
        defer { memory.deallocate() }
        memory.initializeMemory(as: UInt8.self, repeating: 0xee)
        return body(UnsafeMutableRawBufferPointer(rebasing: memory[31..<31 + count]))
    }

    @Test(arguments: lengths)
    func `a copy has all bytes of any length and touches no others`(length: Int) throws {
        let source = (0..<length + 1).map { UInt8(truncatingIfNeeded: $0 * 7 + 1) }
        let copied = Self.withBytes(length + 2) { target -> [UInt8] in
            source.withUnsafeBytes { source in
                guard let from = source.baseAddress, let to = target.baseAddress else { return }
                (to + 1).copyBytes(from: from, count: length)
            }
            return Array(target)
        }
        #expect(copied == [0xee] + source.prefix(length) + [0xee])
    }

    @Test(arguments: lengths)
    func `bytes are the same only if each of them is`(length: Int) throws {
        let bytes = [UInt8](repeating: 3, count: length + 1)
        #expect(Self.areSame(bytes, bytes, length))
        for index in 0..<length {
            var other = bytes
            other[index] ^= 0x80
            #expect(!Self.areSame(bytes, other, length))
            #expect(!Self.areSame(other, bytes, length))
        }
        var beyond = bytes
        beyond[length] = 4
        #expect(Self.areSame(bytes, beyond, length))
    }

    private static func areSame(_ left: [UInt8], _ right: [UInt8], _ count: Int) -> Bool {
        left.withUnsafeBytes { left in
            right.withUnsafeBytes { right in
                guard let left = left.baseAddress, let right = right.baseAddress else {
                    return false
                }
                return left.hasSameBytes(as: right, count: count)
            }
        }
    }

    @Test(arguments: lengths, [1, 0x7f, 0x80, 0xff] as [UInt8])
    func `a zero is found wherever it is, and none where there is none`(
        length: Int,
        filler: UInt8
    ) throws {
        var bytes = [UInt8](repeating: filler, count: length) + [0]
        #expect(!Self.hasZero(bytes, length))
        for index in 0..<length {
            bytes[index] = 0
            #expect(Self.hasZero(bytes, length))
            bytes[index] = filler
        }
    }

    private static func hasZero(_ bytes: [UInt8], _ count: Int) -> Bool {
        bytes.withUnsafeBytes { $0.baseAddress?.hasZero(count: count) ?? false }
    }
}
