/// Cuts the bytes of a connection into frames.
///
///     0  length of what follows   i32
///     4  header and body
///
/// Nothing is kept, or asked for, for what was only announced: a frame's bytes are held as they
/// come, and from `freeByteCount` on once as many again were granted. Whoever announces much and
/// sends little takes no room from others.
struct FrameReader: Sendable {
    enum Step {
        /// A whole frame, without its length, and how many of its bytes were granted.
        case frame([UInt8], granted: Int)
        /// All input is taken.
        case needsBytes
        /// Goes on once so many bytes more are granted.
        case needsRoom(Int)
        case refused(String)
    }

    /// Held without asking.
    static let freeByteCount = 64 << 10

    var byteLimit: Int
    private var length: UInt32 = 0
    private var lengthByteCount = 0
    private var bytes: [UInt8] = []
    /// Of this frame.
    private(set) var grantedByteCount = 0

    init(byteLimit: Int) { self.byteLimit = byteLimit }

    /// Whether a frame has begun.
    var isInside: Bool { lengthByteCount > 0 }

    /// Whether `byteCount` bytes more make the frame whole.
    func canFinish(with byteCount: Int) -> Bool {
        lengthByteCount == 4 && Int(length) - bytes.count <= byteCount
    }

    mutating func grant(_ byteCount: Int) { grantedByteCount += byteCount }

    /// Takes what it can use of `input`.
    mutating func next(_ input: inout Slice<UnsafeRawBufferPointer>) -> Step {
        while lengthByteCount < 4 {
            guard let byte = input.popFirst() else { return .needsBytes }
            length = length << 8 | UInt32(byte)
            lengthByteCount += 1
        }
        let count = Int(Int32(bitPattern: length))
        guard count >= 0 else { return .refused("a request of negative length") }
        guard count <= byteLimit else {
            return .refused("a request of \(count) bytes, the largest has \(byteLimit)")
        }
        while bytes.count < count {
            let room = Self.freeByteCount + grantedByteCount - bytes.count
            guard room > 0 else {
                return .needsRoom(min(count - bytes.count, max(bytes.count, Self.freeByteCount)))
            }
            guard !input.isEmpty else { return .needsBytes }
            let taken = input.prefix(min(room, count - bytes.count))
            if bytes.isEmpty { bytes.reserveCapacity(min(count, Self.freeByteCount)) }
            bytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: taken))
            input = input.dropFirst(taken.count)
        }
        defer { self = FrameReader(byteLimit: byteLimit) }
        return .frame(bytes, granted: grantedByteCount)
    }
}
