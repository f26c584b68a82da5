/// An order, by its id.
struct Order: Codable, Sendable {
    var cents: Int64
    /// When it was placed, in milliseconds since 1970.
    var time: Int64
}

/// The payment of an order, by the order's id.
struct Payment: Codable, Sendable {
    /// When it was made, in milliseconds since 1970.
    var time: Int64
}

/// What is to be done for an order.
enum Command: String, Codable, Sendable {
    case reserve
    case ship
    case release
    case refund
}

/// What happens to an order.
enum Happening: Sendable {
    case placed
    case paid
    case timedOut
}

/// How far an order has come.
///
///     (new) ─placed─▶ waiting ─paid─▶ shipped
///     (new) ─paid──▶ paidEarly ─placed─▶ shipped
///     waiting, paidEarly ─timedOut─▶ cancelled
enum Step: String, Codable, Sendable {
    case waiting
    case paidEarly
    case shipped
    case cancelled

    /// The step after a happening, and what is to be done; nil where it changes nothing, as when it
    /// is told again.
    static func after(_ step: Step?, _ happening: Happening) -> (step: Step, command: Command?)? {
        switch (step, happening) {
        case (nil, .placed): (.waiting, .reserve)
        case (nil, .paid): (.paidEarly, nil)
        case (.waiting, .paid), (.paidEarly, .placed): (.shipped, .ship)
        case (.waiting, .timedOut): (.cancelled, .release)
        case (.paidEarly, .timedOut), (.cancelled, .paid): (.cancelled, .refund)
        case (.waiting, .placed), (.paidEarly, .paid), (.cancelled, .placed), (.shipped, _),
            (_, .timedOut):
            nil
        }
    }
}
