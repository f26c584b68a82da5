/// How quickly the other end of a connection takes what is sent to it; pure.
struct ReaderPace: Sendable {
    /// When it took something last, or had everything.
    private(set) var lastProgress: UInt64
    /// When it had taken a whole stride last, or had everything.
    private(set) var lastStride: UInt64
    /// What it has taken since.
    private var byteCount = 0

    init(at now: UInt64) { (lastProgress, lastStride) = (now, now) }

    /// Begins with the first bytes behind what was all taken.
    mutating func begin(at now: UInt64) { self = ReaderPace(at: now) }

    mutating func took(_ count: Int, stride: Int, at now: UInt64) {
        lastProgress = now
        byteCount += count
        guard byteCount >= stride else { return }
        lastStride = now
        byteCount = 0
    }
}
