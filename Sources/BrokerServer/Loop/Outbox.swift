import CUV

/// Bytes that wait to be sent, in the pieces in which they came.
struct Outbox {
    private var pieces: [[UInt8]] = []
    /// The first piece that is not sent, and how much of it is.
    private var first = 0
    private var sentOfFirst = 0

    var isEmpty: Bool { first == pieces.count }

    /// What is sent and still there: a piece goes as a whole.
    var retainedByteCount: Int { sentOfFirst }

    mutating func add(_ more: [[UInt8]]) {
        if isEmpty || first > Self.sentPieceLimit {
            pieces.removeFirst(first)
            first = 0
        }
        for piece in more where !piece.isEmpty { pieces.append(piece) }
    }

    /// Pieces that are sent and kept their places.
    private static let sentPieceLimit = 256

    /// Pieces that go into one system call.
    private static let pieceLimit = 16

    /// Lends the begin of what is to be sent.
    func withBuffers<Result>(_ body: (UnsafeMutableBufferPointer<uv_buf_t>) -> Result) -> Result {
        let count = min(pieces.count - first, Self.pieceLimit)
        return withUnsafeTemporaryAllocation(of: uv_buf_t.self, capacity: count) { buffers in
            lend(0, count, buffers, body)
        }
    }

    private func lend<Result>(
        _ index: Int,
        _ count: Int,
        _ buffers: UnsafeMutableBufferPointer<uv_buf_t>,
        _ body: (UnsafeMutableBufferPointer<uv_buf_t>) -> Result
    ) -> Result {
        guard index < count else { return body(buffers) }
        return pieces[first + index].withUnsafeBytes { bytes in
            let rest = bytes[(index == 0 ? sentOfFirst : 0)...]
            let start = UnsafeRawBufferPointer(rebasing: rest).baseAddress
            // SAFETY: the loop only reads from it, and only until `body` returns.
            let base = UnsafeMutableRawPointer(mutating: start)?
                .assumingMemoryBound(to: CChar.self)
            buffers.initializeElement(
                at: index,
                to: uv_buf_t(base: base, len: rest.count)
            )
            return lend(index + 1, count, buffers, body)
        }
    }

    /// Takes away what is sent.
    mutating func drop(_ byteCount: Int) {
        var left = byteCount
        while left > 0, !isEmpty {
            let inFirst = pieces[first].count - sentOfFirst
            guard left >= inFirst else {
                sentOfFirst += left
                return
            }
            left -= inFirst
            pieces[first] = []
            first += 1
            sentOfFirst = 0
        }
    }

    /// A copy of the begin, which the caller deallocates.
    func copyBegin(_ byteLimit: Int) -> UnsafeMutableRawBufferPointer {
        var left = byteLimit
        var ends: [Range<Int>] = []
        for index in first..<pieces.count where left > 0 {
            let start = index == first ? sentOfFirst : 0
            let end = min(pieces[index].count, start + left)
            ends.append(start..<end)
            left -= end - start
        }
        let copy = UnsafeMutableRawBufferPointer.allocate(
            byteCount: byteLimit - left,
            alignment: 16
        )
        var position = 0
        for (index, range) in ends.enumerated() {
            pieces[first + index].withUnsafeBytes { bytes in
                let target = UnsafeMutableRawBufferPointer(rebasing: copy[position...])
                target.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[range]))
            }
            position += range.count
        }
        return copy
    }
}
