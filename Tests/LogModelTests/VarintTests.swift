import Bytes
import Testing

struct VarintTests {
    /// Numbers on both sides of where their form gets one byte longer.
    private static let edges: [UInt64] =
        (1...9).flatMap { bytes -> [UInt64] in
            let edge = UInt64(1) << UInt64(bytes * 7)
            return [edge - 1, edge, edge + 1]
        } + [0, 1, .max - 1, .max]

    private static func plain(_ value: UInt64) -> [UInt8] {
        var rest = value
        var bytes: [UInt8] = []
        while rest >= 0x80 {
            bytes.append(UInt8(rest & 0x7f) | 0x80)
            rest >>= 7
        }
        return bytes + [UInt8(rest)]
    }

    @Test(arguments: edges)
    func `a number has the bytes it has to have, and comes back`(value: UInt64) {
        let expected = Self.plain(value)
        #expect(Varint.byteCount(unsigned: value) == expected.count)
        var room = [UInt8](repeating: 0xee, count: 16)
        let written = room.withUnsafeMutableBytes { room -> Int in
            guard let base = room.baseAddress else { return 0 }
            var end = base
            Varint.writeUnsigned(value, to: &end)
            return end - base
        }
        #expect(Array(room.prefix(written)) == expected)
        let (read, left) = expected.withUnsafeBytes { bytes -> (UInt64?, Int) in
            guard var position = bytes.baseAddress else { return (nil, bytes.count) }
            let end = position + bytes.count
            return (try? Varint.readUnsigned(&position, end: end), end - position)
        }
        #expect(read == value)
        #expect(left == 0)
    }

    @Test(arguments: edges)
    func `a number of three bytes or less is read at once, a longer one is left`(value: UInt64) {
        let bytes = Self.plain(value)
        (bytes + [0xff, 0xff]).withUnsafeBytes { room in
            guard let start = room.baseAddress else { return }
            var position = start
            let isShort = bytes.count <= 3
            #expect(Varint.readShort(&position) == (isShort ? value : nil))
            #expect(position - start == (isShort ? bytes.count : 0))
        }
    }
}
