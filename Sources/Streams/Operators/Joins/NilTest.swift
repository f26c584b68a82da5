/// Tells nil values of a type that may be optional; there is nothing to tell for other types.
@usableFromInline
func nilTest<Value>(of type: Value.Type) -> (@Sendable (Value) -> Bool)? {
    (type as? any OptionalType.Type)?.nilTest as? @Sendable (Value) -> Bool
}

/// An optional as code finds it that knows only a type parameter.
private protocol OptionalType {
    /// `@Sendable (Self) -> Bool`: whether a value is nil.
    static var nilTest: Any { get }
}

extension Optional: OptionalType {
    fileprivate static var nilTest: Any {
        let test: @Sendable (Wrapped?) -> Bool = { $0 == nil }
        return test
    }
}
