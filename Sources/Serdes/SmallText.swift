/// Text of at most 15 bytes, as Swift has it in the String itself: two words, no memory.
///
///     byte  0–14   the UTF-8 bytes; zeros behind them
///          15      0xe0 plus their count for ASCII, 0xa0 plus their count for anything else
///
/// Keys are such text, and come and go with every record. The usual ways to make a String of bytes
/// and to get at its bytes go through memory that was written a moment before in other pieces than
/// it is read in, which a processor waits for. Swift does not promise the layout: `isKnown` looks
/// at Strings that were made the usual way, and where they have another one it is not relied on.
@usableFromInline
enum SmallText {
    @usableFromInline static let byteLimit = 15

    /// Whether Strings of every length look as this file has it.
    @usableFromInline static let isKnown = hasKnownLayout()

    /// The text of bytes that are ASCII and few enough; nil for others.
    ///
    /// `isKnown` must be true.
    @inlinable @inline(__always)
    static func text(_ bytes: UnsafeRawBufferPointer) -> String? {
        let count = bytes.count
        guard count <= byteLimit else { return nil }
        let (low, high) = words(bytes)
        guard (low | high) & 0x8080_8080_8080_8080 == 0 else { return nil }
        let mark = (0xe0 | UInt64(truncatingIfNeeded: count)) &<< 56
        // SAFETY: `isKnown` says that these are the two words of a String of so many ASCII bytes.
        return unsafeBitCast((low, high | mark), to: String.self)
    }

    /// The bytes of a text, zeros behind them, and how many they are; nil for one that has its
    /// bytes elsewhere.
    ///
    /// `isKnown` must be true.
    @inlinable @inline(__always)
    static func bytes(of text: String) -> (low: UInt64, high: UInt64, count: Int)? {
        // SAFETY: a String has the size of two words, any content of which is two numbers.
        let (low, high) = unsafeBitCast(text, to: (UInt64, UInt64).self)
        guard high & 0x2000_0000_0000_0000 != 0 else { return nil }
        let count = Int(truncatingIfNeeded: high &>> 56 & 0xf)
        return (low, high & 0x00ff_ffff_ffff_ffff, count)
    }

    /// At most 15 bytes as two words, zeros behind them.
    @inlinable @inline(__always)
    static func words(_ bytes: UnsafeRawBufferPointer) -> (low: UInt64, high: UInt64) {
        let count = bytes.count
        guard count > 0, let p = bytes.baseAddress else { return (0, 0) }
        if count >= 8 {
            let low = p.loadUnaligned(as: UInt64.self)
            // The last 8 bytes, without those that are in the first word.
            let last = p.loadUnaligned(fromByteOffset: count &- 8, as: UInt64.self)
            let surplus = UInt64(truncatingIfNeeded: (15 &- count) &* 8)
            return (low, (last &>> 8) &>> surplus)
        }
        if count >= 4 {
            let low = UInt64(p.loadUnaligned(as: UInt32.self))
            let last = UInt64(p.loadUnaligned(fromByteOffset: count &- 4, as: UInt32.self))
            return (low | last &<< UInt64(truncatingIfNeeded: (count &- 4) &* 8), 0)
        }
        let first = UInt64(p.load(as: UInt8.self))
        let middle = UInt64(p.load(fromByteOffset: count &>> 1, as: UInt8.self))
        let last = UInt64(p.load(fromByteOffset: count &- 1, as: UInt8.self))
        let (half, whole) = (count &>> 1 &* 8, (count &- 1) &* 8)
        return (
            first | middle &<< UInt64(truncatingIfNeeded: half)
                | last &<< UInt64(truncatingIfNeeded: whole), 0
        )
    }

    private static func hasKnownLayout() -> Bool {
        guard MemoryLayout<String>.size == MemoryLayout<(UInt64, UInt64)>.size else { return false }
        let ascii = "abcdefghijklmnopqrstuvwxyz"
        let others = ["é", "ß–", "日本", "łódź 🛶", "żółw żółt"]
        let isLong = ascii.count > byteLimit && bytes(of: String(ascii.reversed())) == nil
        return isLong && bytes(of: ascii) == nil && others.allSatisfy { isAsKnown($0) }
            && (0...byteLimit).allSatisfy { isAsKnown(String(ascii.prefix($0))) }
    }

    /// Whether a text that was made the usual way has the known layout, and comes back from it.
    private static func isAsKnown(_ literal: String) -> Bool {
        let text = String(decoding: Array(literal.utf8), as: UTF8.self)
        return Array(literal.utf8).withUnsafeBytes { utf8 in
            let (low, high) = words(utf8)
            guard let known = bytes(of: text), known == (low, high, utf8.count) else {
                return false
            }
            let isASCII = text.utf8.allSatisfy { $0 < 0x80 }
            let mark = (isASCII ? 0xe0 : 0xa0) | UInt64(utf8.count)
            // SAFETY: as in `bytes(of:)`.
            return unsafeBitCast(text, to: (UInt64, UInt64).self).1 &>> 56 == mark
        }
    }
}
