import Millrace

/// Traps where a record asks for it: at a record, behind a repartition, at one of two inputs, in a
/// timer, in a call.
struct Trapping: StreamJob {
    static let name = "trapping"

    enum Topics {
        static let numbers = Topic("numbers", key: .utf8, value: .utf8)
        static let others = Topic("-others", key: .utf8, value: .utf8)
        static let results = Topic("results", key: .utf8, value: .utf8)
        static let answers = Topic("answers", key: .utf8, value: .utf8)
    }

    var topology: [Statement] {
        let numbers = stream(Topics.numbers)
        numbers
            .merge(stream(Topics.others))
            .mapValues { (text: String) in Self.result(of: text) }
            .process { stores -> Late in try Late(stores) }
            .selectKey { (text: String) in text }
            .repartition("by-value")
            .mapValues { (text: String) in
                precondition(text != "behind", "behind the repartition")
                return text
            }
            .to(Topics.results)
        numbers
            .mapAsync { (_: String, text: String) async throws -> String in
                if text == "call" { fatalError("in a call") }
                return text
            }
            .to(Topics.answers)
    }

    /// What is no number stays; 128 is more than eight bits hold.
    private static func result(of text: String) -> String {
        guard let number = Int(text) else { return text }
        return "\(Int8(number))"
    }

    /// Has a timer that traps.
    private struct Late: Processor {
        init(_ stores: TaskStores) throws {}

        mutating func process(
            _ key: String,
            _ text: String,
            _ context: inout ProcessorContext<String, String>
        ) throws {
            if text == "timer" { context.schedule("trap", every: .seconds(60), by: .streamTime) }
            try context.forward(key, text)
        }

        mutating func fire(
            _ timer: String,
            at time: Timestamp,
            _ context: inout ProcessorContext<String, String>
        ) throws { fatalError("in a timer") }
    }
}
