/// The bytes of a file in pages that copies share until one of them is written to, so that
/// keeping an image for every step of a workload costs next to nothing.
struct FileImage: Sendable {
    static let pageByteCount = 4096

    private var pages: [[UInt8]] = []
    private(set) var byteCount = 0

    /// Copies from `position` on into `bytes`, as far as the image goes; returns how many.
    func read(into bytes: UnsafeMutableRawBufferPointer, at position: Int) -> Int {
        let count = max(0, min(bytes.count, byteCount - position))
        var done = 0
        while done < count {
            let (page, start) = (position + done).quotientAndRemainder(
                dividingBy: Self.pageByteCount
            )
            let piece = min(count - done, Self.pageByteCount - start)
            pages[page].withUnsafeBytes { from in
                let target = UnsafeMutableRawBufferPointer(rebasing: bytes[done..<done + piece])
                target.copyMemory(
                    from: UnsafeRawBufferPointer(rebasing: from[start..<start + piece])
                )
            }
            done += piece
        }
        return count
    }

    /// The bytes of a range; zeros behind the end.
    func bytes(in range: Range<Int>) -> [UInt8] {
        var result = [UInt8](repeating: 0, count: range.count)
        _ = result.withUnsafeMutableBytes { read(into: $0, at: range.lowerBound) }
        return result
    }

    /// Puts `bytes` at `position`, growing the image; a gap becomes zeros.
    mutating func write(_ bytes: UnsafeRawBufferPointer, at position: Int) {
        resize(to: max(byteCount, position + bytes.count))
        var done = 0
        while done < bytes.count {
            let (page, start) = (position + done).quotientAndRemainder(
                dividingBy: Self.pageByteCount
            )
            let piece = min(bytes.count - done, Self.pageByteCount - start)
            pages[page].withUnsafeMutableBytes { into in
                let target = UnsafeMutableRawBufferPointer(rebasing: into[start..<start + piece])
                target.copyMemory(
                    from: UnsafeRawBufferPointer(rebasing: bytes[done..<done + piece])
                )
            }
            done += piece
        }
    }

    /// Cuts, or extends with zeros.
    mutating func resize(to newByteCount: Int) {
        let pageCount = (newByteCount + Self.pageByteCount - 1) / Self.pageByteCount
        if newByteCount < byteCount {
            pages.removeLast(pages.count - pageCount)
            let tail = newByteCount % Self.pageByteCount
            if tail > 0 {
                pages[pageCount - 1].withUnsafeMutableBytes {
                    _ = UnsafeMutableRawBufferPointer(rebasing: $0[tail...])
                        .initializeMemory(as: UInt8.self, repeating: 0)
                }
            }
        }
        while pages.count < pageCount {
            pages.append([UInt8](repeating: 0, count: Self.pageByteCount))
        }
        byteCount = newByteCount
    }

    /// Turns one bit over.
    mutating func flip(bit: Int, at position: Int) {
        precondition(position < byteCount, "there is no byte \(position) to rot")
        pages[position / Self.pageByteCount][position % Self.pageByteCount] ^= 1 << UInt8(bit)
    }
}
