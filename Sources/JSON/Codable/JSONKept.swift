import CSimdJSON

/// The one reading and the one text that a thread keeps from record to record, so that a record
/// allocates neither.
enum JSONKept {
    // SAFETY: a kept object has one reference too many, which is given back when it is taken, or
    // when the thread drops it. Only objects of type `Kept` are kept under a kind.

    static func take<Kept: AnyObject>(_ kind: millrace_json_kind, as type: Kept.Type) -> Kept? {
        guard let object = millrace_json_take(kind) else { return nil }
        return Unmanaged<Kept>.fromOpaque(object).takeRetainedValue()
    }

    static func keep(_ object: some AnyObject, _ kind: millrace_json_kind) {
        millrace_json_keep(kind, Unmanaged.passRetained(object).toOpaque()) { object in
            guard let object else { return }
            // SAFETY: the reference that was one too many.
            Unmanaged<AnyObject>.fromOpaque(object).release()
        }
    }
}
