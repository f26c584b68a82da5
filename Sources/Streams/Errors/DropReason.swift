/// Why an operator drops a record by its rule; each is counted by itself.
public enum DropReason: CaseIterable, Sendable {
    /// No key, where the operator works by key.
    case nullKey
    /// No value, where the operator needs one.
    case nullValue
    /// It belongs to a window that takes no more records.
    case late
    /// A time before 1970, which belongs to no window.
    case negativeTimestamp
    /// A row without the key of the other table.
    case nullForeignKey
    /// Its id was there before.
    case duplicate

    /// The reason as metrics and reports spell it, such as `null-key`.
    public var word: String {
        switch self {
        case .nullKey: "null-key"
        case .nullValue: "null-value"
        case .late: "late"
        case .negativeTimestamp: "negative-timestamp"
        case .nullForeignKey: "null-foreign-key"
        case .duplicate: "duplicate"
        }
    }
}

/// How many records were dropped for each reason.
public struct DropCounts: Equatable, Sendable {
    @usableFromInline var nullKey: Int64 = 0
    @usableFromInline var nullValue: Int64 = 0
    @usableFromInline var late: Int64 = 0
    @usableFromInline var negativeTimestamp: Int64 = 0
    @usableFromInline var nullForeignKey: Int64 = 0
    @usableFromInline var duplicate: Int64 = 0

    /// Nothing dropped yet.
    public init() {}

    /// The records dropped for a reason.
    @inlinable
    public subscript(reason: DropReason) -> Int64 {
        get {
            switch reason {
            case .nullKey: nullKey
            case .nullValue: nullValue
            case .late: late
            case .negativeTimestamp: negativeTimestamp
            case .nullForeignKey: nullForeignKey
            case .duplicate: duplicate
            }
        }
        set {
            switch reason {
            case .nullKey: nullKey = newValue
            case .nullValue: nullValue = newValue
            case .late: late = newValue
            case .negativeTimestamp: negativeTimestamp = newValue
            case .nullForeignKey: nullForeignKey = newValue
            case .duplicate: duplicate = newValue
            }
        }
    }

    /// Those with a count above 0, `late 3, null-key 1`; empty if there are none.
    public var text: String {
        DropReason.allCases.filter { self[$0] > 0 }.map { "\($0.word) \(self[$0])" }
            .joined(separator: ", ")
    }

    /// Adds what another task counted.
    public mutating func add(_ other: DropCounts) {
        for reason in DropReason.allCases { self[reason] += other[reason] }
    }
}
