import Streams

/// Errors and the policies about them; sinks and branches by record.
extension DSLTopologies {
    /// Where the dead letters of every topology go.
    private static let deadLetter = ErrorPolicy.deadLetter(topic: "dlq")

    var errorPolicies: ErrorPolicies {
        switch id {
        case "error-deserialization-continue": ErrorPolicies(decode: .skip)
        case "error-deserialization-continue-dlq": ErrorPolicies(decode: Self.deadLetter)
        case "error-processing-continue": ErrorPolicies(process: .skip)
        case "error-processing-continue-dlq": ErrorPolicies(process: Self.deadLetter)
        default: ErrorPolicies()
        }
    }

    var failing: [Statement]? {
        let numbers = stream(Self.numbers)
        switch id {
        case "error-deserialization-continue", "error-deserialization-continue-dlq":
            return [numbers.groupByKey(key: Self.text).count(store: "store").to(Self.countOut)]
        case "error-processing-continue", "error-processing-continue-dlq":
            let results =
                numbers.flatMapValues { value -> [Int64] in value.map { [$0, $0 + 1] } ?? [] }
                .mapValues { value -> Int64? in
                    guard value % 5 != 0 else { throw Boom(value: value) }
                    return value
                }
            return [results.to(Self.numberOut)]
        default: return nil
        }
    }

    var routed: [Statement]? {
        let numbers = stream(Self.numbers)
        switch id {
        case "stateless-dynamic-sink":
            let topics = ["low", "high", "nulls"]
            let sink = numbers.to(among: topics, key: Self.text, value: Self.number) { _, value in
                guard let value else { return "nulls" }
                return value < 20 ? "low" : "high"
            }
            return [sink]
        case "stateless-branch-default", "stateless-branch-no-default":
            let parts = numbers.branch(["even": Self.isEven, "big": { ($0 ?? 0) > 20 }])
            let named = [
                parts["even"].to(Topic("even", key: Self.text, value: Self.number)),
                parts["big"].to(Topic("big", key: Self.text, value: Self.number)),
            ]
            guard id == "stateless-branch-default" else { return named }
            return named + [parts.other.to(Topic("other", key: Self.text, value: Self.number))]
        default: return nil
        }
    }
}

/// What the topologies' operators throw.
private struct Boom: Error, CustomStringConvertible {
    let value: Int64
    var description: String { "boom \(value)" }
}
