import BrokerAPI

/// `storage/traces`: what clients sent to a real broker, request by request, and what it answered.
/// Ours is asked the same, over a log of its own in memory and a clock that the runner turns.
struct TracesRunner: GoldenRunner {
    func accepts(_ file: GoldenFile) -> Bool {
        file.folder.contains("storage/traces") && file.firstLine?["step"] != nil
    }

    func run(_ file: GoldenFile) throws -> GoldenReport {
        let steps = try file.lines().map { try TraceStep($0) }
        var report = GoldenReport()
        if TraceDeviations.isOfOtherVersion(file) {
            report.noteDeviation()
            return report
        }
        if let reason = steps.lazy.compactMap(\.obstacle).first {
            report.notYet = reason
            return report
        }
        let player = try TracePlayer(scenario: file.stem)
        try player.play(steps, &report)
        try player.close()
        return report
    }
}

/// One line of a trace.
struct TraceStep {
    enum Action {
        case request(TraceRequest)
        /// Bytes that are no request.
        case bytes(String)
        case sleep(milliseconds: Int64)
        case repeatPrevious(count: Int)
    }

    enum Expected: Equatable {
        case answer(JSON)
        case closed
        case nothing
    }

    let number: Int
    let connection: Int
    let action: Action
    let expected: Expected
    /// The step behind which a parked request was answered.
    let answeredAfterStep: Int?

    init(_ line: JSON) throws(GoldenError) {
        number = try line.member("step").integer(Int.self)
        connection = try line["conn"]?.integer(Int.self) ?? 0
        answeredAfterStep = try line["answered_after_step"]?.integer(Int.self)
        if let milliseconds = line["sleep_ms"] {
            action = .sleep(milliseconds: try milliseconds.integer(Int64.self))
        } else if let count = line["repeat_previous"] {
            action = .repeatPrevious(count: try count.integer(Int.self))
        } else {
            let send = try line.member("send")
            if send["api"] != nil {
                action = .request(try TraceRequest(send))
            } else {
                action = .bytes(try send["what"]?.string() ?? "bytes")
            }
        }
        switch line["recv"] {
        case .string("closed")?: expected = .closed
        case .object(let members)?: expected = .answer(members["json"] ?? .null)
        default: expected = .nothing
        }
    }

    /// Why the scenario cannot be played, because of this step; nil if it does not keep it.
    var obstacle: String? {
        switch action {
        case .sleep, .repeatPrevious: nil
        case .bytes(let what): "step \(number) sends \(what), for which there is no connection here"
        case .request(let request): request.obstacle
        }
    }
}

/// A request as it was recorded.
struct TraceRequest: Equatable {
    let api: String
    let key: Int16
    let version: Int16
    let json: JSON

    init(_ send: JSON) throws(GoldenError) {
        api = try send.member("api").string()
        key = try send.member("key").integer(Int16.self)
        version = try send.member("version").integer(Int16.self)
        json = try send.member("json")
    }

    /// Whether the broker answers at all.
    var isAnswered: Bool { api != "Produce" || json["acks"] != .integer(0) }

    var obstacle: String? {
        guard let entry = APITable.entries[key], kafkaWireMessages["\(api)Request"] != nil else {
            return "\(api) is not served"
        }
        return entry.served.contains(version) ? nil : "version \(version) of \(api) is not served"
    }
}
