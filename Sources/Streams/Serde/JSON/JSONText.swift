/// The JSON text of one value while its `encode(to:)` runs: written straight into the sink.
///
/// A container of `Encoder` has no end, so a nested one ends when its parent goes on, or when the
/// `encode(to:)` that opened it returns. Writing into a container that has ended is an error.
final class JSONText {
    private struct Frame {
        let closing: UInt8
        let serial: Int
        var isEmpty = true
    }

    /// An open object or array: its level, and a number that no other container has.
    struct Container {
        let level: Int
        let serial: Int
    }

    /// SAFETY: the text lives during one call of `JSONSerde.encode`, which holds the sink.
    private let sink: UnsafeMutablePointer<ByteSink>
    private var frames: [Frame] = []
    private var nextSerial = 0
    /// A key or comma was written whose value is to follow.
    private var awaitsValue = true
    /// What a call that cannot throw found.
    private var failure: JSONError?

    init(sink: UnsafeMutablePointer<ByteSink>) { self.sink = sink }

    /// Writes what `value` encodes; an empty object if that is nothing.
    func write<Value: Encodable>(_ value: Value, place: JSONPlace?) throws {
        let level = frames.count
        try value.encode(to: JSONTextEncoder(text: self, place: place, level: level))
        if awaitsValue { _ = open(UInt8(ascii: "{"), UInt8(ascii: "}"), at: level) }
        close(downTo: level)
        if let failure { throw failure }
    }

    // MARK: Containers

    /// The container at a level; a second request for one of the same kind continues it.
    func open(_ opening: UInt8, _ closing: UInt8, at level: Int) -> Container {
        if frames.count > level, frames[level].closing == closing {
            return Container(level: level, serial: frames[level].serial)
        }
        sink.pointee.append(opening)
        awaitsValue = false
        nextSerial += 1
        frames.append(Frame(closing: closing, serial: nextSerial))
        return Container(level: level, serial: nextSerial)
    }

    /// Makes ready for the container's next element.
    func beginElement(_ container: Container, _ place: JSONPlace?) throws {
        guard frames.count > container.level, frames[container.level].serial == container.serial,
            !awaitsValue
        else {
            throw JSONPlace.error(
                place,
                nil,
                "its container was written to after its parent went on"
            )
        }
        close(downTo: container.level + 1)
        if !frames[container.level].isEmpty { sink.pointee.append(UInt8(ascii: ",")) }
        frames[container.level].isEmpty = false
        awaitsValue = true
    }

    /// Makes ready for the value of the object's next member.
    func beginMember(_ container: Container, _ key: String, _ place: JSONPlace?) throws {
        try beginElement(container, place)
        var key = key
        key.withUTF8 { JSONWriter.appendString(UnsafeRawBufferPointer($0), to: sink) }
        sink.pointee.append(UInt8(ascii: ":"))
    }

    /// Runs a step of a call that cannot throw; its error is thrown at the end.
    func deferringFailure(_ step: () throws -> Void) {
        do { try step() } catch { failure = failure ?? JSONError.at("", error) }
    }

    private func close(downTo level: Int) {
        while frames.count > level { sink.pointee.append(frames.removeLast().closing) }
    }

    // MARK: Values

    func null() {
        sink.pointee.append(utf8: "null")
        awaitsValue = false
    }

    func bool(_ value: Bool) {
        sink.pointee.append(utf8: value ? "true" : "false")
        awaitsValue = false
    }

    func string(_ value: String) {
        var value = value
        value.withUTF8 { JSONWriter.appendString(UnsafeRawBufferPointer($0), to: sink) }
        awaitsValue = false
    }

    func integer<Integer: FixedWidthInteger>(_ value: Integer) {
        JSONWriter.appendInteger(
            magnitude: UInt64(value.magnitude),
            isNegative: value < 0,
            to: sink
        )
        awaitsValue = false
    }

    func double(_ value: Double, _ place: JSONPlace?, _ key: (any CodingKey)?) throws {
        guard JSONWriter.appendDouble(value, to: sink) else {
            throw JSONPlace.error(place, key, "\(value), which JSON cannot write")
        }
        awaitsValue = false
    }

    func float(_ value: Float, _ place: JSONPlace?, _ key: (any CodingKey)?) throws {
        guard value.isFinite else { return try double(Double(value), place, key) }
        // The shortest text of a Float is shorter than that of the Double it becomes.
        sink.pointee.append(utf8: value.description)
        awaitsValue = false
    }
}
