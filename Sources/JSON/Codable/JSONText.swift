import CSimdJSON
import Serdes

/// The JSON text of one value while its `encode(to:)` runs: written straight into the sink.
///
/// A container of `Encoder` has no end, so a nested one ends when its parent goes on, or when the
/// `encode(to:)` that opened it returns. Writing into a container that has ended is an error, and
/// so is writing with a coder that a type has kept.
///
/// A thread keeps one from record to record, unless a type has kept its encoder.
final class JSONText {
    /// What coders share; they write through the pointer.
    let state: UnsafeMutablePointer<JSONTextState>
    /// Where a text goes that has no sink yet.
    private let noSink: UnsafeMutablePointer<ByteSink>

    init() {
        noSink = .allocate(capacity: 1)
        noSink.initialize(to: ByteSink(capacity: 16))
        state = .allocate(capacity: 1)
        state.initialize(to: JSONTextState(sink: noSink))
    }

    deinit {
        state.deinitialize(count: 1)
        state.deallocate()
        noSink.deinitialize(count: 1)
        noSink.deallocate()
    }

    /// Appends the text of a value.
    static func encode<Value: Encodable>(_ value: Value, into sink: inout ByteSink) throws {
        var text = JSONKept.take(MILLRACE_JSON_WRITING, as: JSONText.self) ?? JSONText()
        defer { if isKnownUniquelyReferenced(&text) { JSONKept.keep(text, MILLRACE_JSON_WRITING) } }
        try withUnsafeMutablePointer(to: &sink) { sink in
            text.state.pointee.begin(in: sink)
            // SAFETY: the state is told that the sink is gone before this call lets go of it.
            defer { text.state.pointee.end() }
            try text.write(value)
            if let failure = text.state.pointee.failure { throw failure }
        }
    }

    /// Writes what `value` encodes; an empty object if that is nothing.
    func write<Value: Encodable>(_ value: Value) throws {
        if try JSONFoundation.write(value, to: self) { return }
        let level = state.pointee.level
        let outer = (state.pointee.type, state.pointee.typeLevel)
        state.pointee.type = Value.self
        state.pointee.typeLevel = level
        try value.encode(to: JSONTextEncoder(text: self, level: level))
        (state.pointee.type, state.pointee.typeLevel) = outer
        if state.pointee.awaitsValue {
            _ = state.pointee.open(UInt8(ascii: "{"), order: .asWritten, at: state.pointee.level)
        }
        if state.pointee.level > level { state.pointee.close(downTo: level) }
    }

    // MARK: Values

    @inline(__always)
    func null() throws(JSONError) {
        try state.pointee.beginValue()
        state.pointee.sink.pointee.append(utf8: "null")
    }

    @inline(__always)
    func bool(_ value: Bool) throws(JSONError) {
        try state.pointee.beginValue()
        state.pointee.sink.pointee.append(utf8: value ? "true" : "false")
    }

    @inline(__always)
    func string(_ value: String) throws(JSONError) {
        try state.pointee.beginValue()
        var value = value
        let sink = state.pointee.sink
        value.withUTF8 { JSONWriter.appendString(UnsafeRawBufferPointer($0), to: sink) }
    }

    @inline(__always)
    func integer<Integer: FixedWidthInteger>(_ value: Integer) throws(JSONError) {
        try state.pointee.beginValue()
        JSONWriter.appendInteger(
            magnitude: UInt64(value.magnitude),
            isNegative: value < 0,
            to: state.pointee.sink
        )
    }

    @inline(__always)
    func double(_ value: Double) throws(JSONError) {
        guard value.isFinite else { throw notFinite(value.description) }
        try state.pointee.beginValue()
        _ = JSONWriter.appendDouble(value, to: state.pointee.sink)
    }

    /// The shortest text of a Float is shorter than that of the Double it becomes.
    func float(_ value: Float) throws(JSONError) {
        try number(value.description, isFinite: value.isFinite)
    }

    /// A number that is text already.
    func number(_ text: String, isFinite: Bool) throws(JSONError) {
        guard isFinite else { throw notFinite(text) }
        try state.pointee.beginValue()
        state.pointee.sink.pointee.append(utf8: text)
    }

    @inline(never)
    private func notFinite(_ value: String) -> JSONError {
        state.pointee.error(JSONError.notFinite(value))
    }

    /// Runs a step of a call that cannot throw; its error is thrown at the end.
    func deferringFailure(_ step: () throws(JSONError) -> Void) {
        do { try step() } catch { state.pointee.failure = state.pointee.failure ?? error }
    }

    /// The keys of a container or value at a level.
    func keys(at level: Int) -> [any CodingKey] { Array(state.pointee.keys.prefix(level)) }
}
