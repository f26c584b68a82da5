import Serdes

/// The text of one value while it is written: where to, and which containers are open.
///
/// It lies behind a pointer, so that no access to it is checked at run time. No method calls a
/// type's own code.
struct JSONTextState {
    /// Where the text goes: valid while a value is awaited or a container is open.
    var sink: UnsafeMutablePointer<ByteSink>
    /// Where in the sink the text begins.
    var start = 0
    /// A key, a comma or nothing was written, and a value is to follow.
    var awaitsValue = false
    /// What a call that cannot throw found.
    var failure: JSONError?
    /// The type whose `encode(to:)` runs, and the level of its value.
    var type: any Any.Type = Never.self
    var typeLevel = -1

    /// The number of open containers: the level of a value that begins now.
    private(set) var level = 0
    /// The innermost container, and around it the others, the outermost of them behind a frame
    /// that stands for none.
    private var top = Frame.none
    private var outer: [Frame] = []
    private var lastSerial = 0
    /// The members and elements of open containers that are to be sorted.
    private var pieces: [JSONPiece] = []
    /// The type that was last found to write its elements in an order of its own.
    private var orderedType: any Any.Type = Never.self

    private struct Frame {
        let closing: UInt8
        let order: JSONOrder
        let serial: Int
        let firstPiece: Int
        var isEmpty = true

        static let none = Frame(closing: 0, order: .asWritten, serial: 0, firstPiece: 0)
    }

    /// An open object or array: its level, and a number that no other container of the text has.
    struct Container {
        let level: Int
        let serial: Int
    }

    init(sink: UnsafeMutablePointer<ByteSink>) { self.sink = sink }

    mutating func begin(in sink: UnsafeMutablePointer<ByteSink>) {
        self.sink = sink
        start = sink.pointee.count
        failure = nil
        // Where the text before broke off, something is left.
        if level > 0 { closeAll() }
        awaitsValue = true
    }

    /// From now on, whoever kept a coder finds nothing to write to.
    mutating func end() {
        if level > 0 { closeAll() }
        awaitsValue = false
    }

    private mutating func closeAll() {
        level = 0
        top = .none
        outer.removeAll(keepingCapacity: true)
        pieces.removeAll(keepingCapacity: true)
    }

    // MARK: Containers

    /// The container at a level; a second request for one of the same kind continues it.
    mutating func open(_ opening: UInt8, order: JSONOrder, at level: Int) -> Container {
        // In ASCII each closing bracket comes two behind its opening one.
        let closing = opening + 2
        if level < self.level, frame(level).closing == closing {
            return Container(level: level, serial: frame(level).serial)
        }
        guard awaitsValue, level == self.level else {
            failure = failure ?? late()
            return Container(level: level, serial: -1)
        }
        sink.pointee.append(opening)
        awaitsValue = false
        lastSerial &+= 1
        outer.append(top)
        top = Frame(closing: closing, order: order, serial: lastSerial, firstPiece: pieces.count)
        self.level = level &+ 1
        return Container(level: level, serial: lastSerial)
    }

    /// The frame of an open container.
    private func frame(_ level: Int) -> Frame {
        level &+ 1 == self.level ? top : outer[level + 1]
    }

    mutating func openArray(at level: Int) -> Container {
        let order = orderOfElements(at: level)
        return open(UInt8(ascii: "["), order: order, at: level)
    }

    /// Makes ready for the container's next element.
    @inline(__always)
    mutating func beginElement(_ container: Container) throws(JSONError) {
        guard !awaitsValue else { throw late() }
        if top.serial != container.serial { try goBack(to: container) }
        if !top.isEmpty { sink.pointee.append(UInt8(ascii: ",")) }
        top.isEmpty = false
        if top.order != .asWritten { pieces.append(JSONPiece(sink.pointee.count)) }
        awaitsValue = true
    }

    /// Ends the containers within one that goes on.
    @inline(never)
    private mutating func goBack(to container: Container) throws(JSONError) {
        let level = container.level
        guard level < self.level, frame(level).serial == container.serial else { throw late() }
        close(downTo: level + 1)
    }

    /// Makes ready for the value of the object's next member.
    @inline(__always)
    mutating func beginMember(_ container: Container, _ key: String) throws(JSONError) {
        try beginElement(container)
        var key = key
        key.withUTF8 { JSONWriter.appendString(UnsafeRawBufferPointer($0), to: sink) }
        if top.order == .byKey {
            pieces[pieces.count - 1].keyEnd = sink.pointee.count
        }
        sink.pointee.append(UInt8(ascii: ":"))
    }

    mutating func close(downTo level: Int) {
        while self.level > level {
            if top.order != .asWritten {
                JSONPiece.sort(pieces[top.firstPiece...], top.order, in: &sink.pointee)
                pieces.removeSubrange(top.firstPiece...)
            }
            sink.pointee.append(top.closing)
            top = outer.removeLast()
            self.level &-= 1
        }
    }

    /// How the elements of the array are to be ordered whose type's `encode(to:)` runs.
    private mutating func orderOfElements(at level: Int) -> JSONOrder {
        guard typeLevel == level, type != orderedType else { return .asWritten }
        guard let unordered = type as? any JSONUnordered.Type else {
            orderedType = type
            return .asWritten
        }
        return unordered.order
    }

    // MARK: Values

    /// Takes note of the value that is awaited, which is to be written now.
    @inline(__always)
    mutating func beginValue() throws(JSONError) {
        guard awaitsValue else { throw late() }
        awaitsValue = false
    }

    @inline(never)
    private func late() -> JSONError {
        error("a second value, or one that was written to its container after the parent went on")
    }

    /// An error at the place that is being written.
    @inline(never)
    func error(_ reason: String) -> JSONError {
        JSONError(path: JSONPath.text(keys), reason)
    }

    /// The keys that lead to the place that is being written.
    var keys: [JSONKey] {
        guard awaitsValue || level > 0 else { return [] }
        let text = UnsafeRawBufferPointer(rebasing: sink.pointee.bytes[start...])
        return JSONPath.keys(atEndOf: text)
    }
}
