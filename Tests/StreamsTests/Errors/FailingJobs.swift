import LogModel
import MillraceTestKit
import Streams

/// What the tests of failing operators have in common: topics of text, and a step that fails as
/// often as a test says.
enum Failing {
    static let a = Topic("a", key: .utf8, value: .utf8)
    static let b = Topic("b", key: .utf8, value: .utf8)
    static let out = Topic("out", key: .utf8, value: .utf8)
    static let copies = Topic("copies", key: .utf8, value: .utf8)
    static let counts = Topic("counts", key: .utf8, value: .int64)
    static let retry = Retry.fixed(.milliseconds(50), attempts: 3)

    struct Boom: Error, CustomStringConvertible {
        var description: String { "boom" }
    }

    /// Where the virtual clock begins, and so many milliseconds later.
    static func time(_ milliseconds: Int64) -> Duration {
        .milliseconds(1_767_225_600_000 + milliseconds)
    }

    static func milliseconds(_ time: Timestamp) -> Int64 { time.rawValue - 1_767_225_600_000 }

    /// A processor that does what a test says.
    struct Scripted: Processor {
        typealias Context = ProcessorContext<String, String>
        var begin: (Context) throws -> Void = { _ in }
        var step: (String, String, Context) throws -> Void = { key, value, context in
            try context.forward(key, value)
        }
        var tick: (String, Timestamp, Context) throws -> Void = { _, _, _ in }

        mutating func start(_ context: inout Context) throws { try begin(context) }
        mutating func process(_ key: String, _ value: String, _ context: inout Context) throws {
            try step(key, value, context)
        }
        mutating func fire(_ timer: String, at time: Timestamp, _ context: inout Context) throws {
            try tick(timer, time, context)
        }
    }
}
