import LogModel

/// How much a task may do before its thread looks at everything else: so many records, and so much
/// time. The clock is read rarely while records are quick, and after each one when they are slow.
struct Turn {
    /// The clock of the machine when the turn began.
    let wallTime: Timestamp
    /// The same moment, in nanoseconds of the steady clock.
    let startedAt: UInt64
    private let time: any TimeSource
    private let deadline: UInt64
    private var recordsLeft: Int
    /// Records until the clock is read again.
    private var untilCheck = 1
    private var stride = 1
    private var lastCheck: UInt64
    private(set) var isOver = false

    /// The most records that a task handles in a turn.
    private static let recordLimit = 16_384
    /// The time that a turn may take: 10 ms.
    private static let nanoseconds: UInt64 = 10_000_000
    /// The clock is to be read about this often.
    private static let checkNanoseconds: UInt64 = 500_000
    private static let longestStride = 256

    init(time: any TimeSource) {
        self.time = time
        wallTime = time.wallTime()
        startedAt = time.monotonicNanoseconds()
        lastCheck = startedAt
        deadline = lastCheck &+ Self.nanoseconds
        recordsLeft = Self.recordLimit
    }

    /// Counts a record; true when the turn is over with it.
    @inline(__always)
    mutating func endsAfterRecord() -> Bool {
        recordsLeft &-= 1
        untilCheck &-= 1
        if untilCheck == 0 || recordsLeft == 0 { check() }
        return isOver
    }

    @inline(never)
    private mutating func check() {
        let now = time.monotonicNanoseconds()
        let passed = now &- lastCheck
        if passed > Self.checkNanoseconds {
            stride = max(1, stride / 8)
        } else {
            stride = min(Self.longestStride, stride * 2)
        }
        lastCheck = now
        untilCheck = stride
        isOver = recordsLeft <= 0 || now >= deadline
    }
}
