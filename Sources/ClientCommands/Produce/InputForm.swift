import LogModel

/// What a line of the input says of its record.
enum InputForm {
    /// Its value, and perhaps its key.
    case text(LineShape)
    /// All of it, as `consume --output json` prints it.
    case json(ignoresPartitions: Bool)
    /// Its key and value, with their lengths.
    case lengthPrefixed

    /// What the input is counted in.
    var unit: String {
        switch self {
        case .text, .json: "line"
        case .lengthPrefixed: "record"
        }
    }
}

/// How key and value stand in a line.
struct LineShape {
    /// What ends a line's key; empty for none.
    var separator: [UInt8] = []
    /// A key or a value of exactly these bytes is null; nil where none is.
    var null: [UInt8]?

    /// Key and value of a line; no key without a separator in it.
    func parts(
        of line: UnsafeRawBufferPointer
    ) -> (key: UnsafeRawBufferPointer?, value: UnsafeRawBufferPointer?) {
        guard let cut = line.firstIndex(of: separator) else { return (nil, unlessNull(line)) }
        let value = UnsafeRawBufferPointer(rebasing: line[(cut + separator.count)...])
        return (unlessNull(UnsafeRawBufferPointer(rebasing: line[..<cut])), unlessNull(value))
    }

    private func unlessNull(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
        guard let null, bytes.elementsEqual(null) else { return bytes }
        return nil
    }
}
