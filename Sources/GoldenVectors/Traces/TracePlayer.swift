import Broker
import BrokerAPI
import Bytes
import Coordination
import Glibc
import KafkaRecords
import LogModel
import MillraceTestKit
import Threads

/// Plays one scenario against a log of its own.
final class TracePlayer {
    private final class Answer: Sendable {
        private let value = Lock<APIAnswer?>(nil)
        func set(_ answer: APIAnswer) { value.withLock { $0 = answer } }
        var now: APIAnswer? { value.withLock { $0 } }
    }

    private struct Sent {
        let step: TraceStep
        let request: TraceRequest
        let answer: Answer
    }

    private static let concurrentTransactions = JSON.integer(51)

    private let scenario: String
    private var sinceHousekeeping: Int64 = 0
    private let time = ManualTimeSource()
    private let broker: Broker
    private let api: KafkaAPI
    private var ids = TraceIDs()
    private var parked: [Sent] = []
    private var closed: Set<Int> = []
    /// An answer that came earlier than Kafka's, which asked to try again first.
    private var held: (request: TraceRequest, json: JSON)?

    init(scenario: String) throws {
        self.scenario = scenario
        var configuration = BrokerConfiguration(execution: .inline)
        configuration.groups.minimumSessionMilliseconds = 500
        configuration.groups.initialRebalanceDelayMilliseconds = 0
        configuration.groups.consumerSessionMilliseconds = 2_000
        configuration.groups.consumerHeartbeatMilliseconds = 500
        broker = try Broker.open(
            disk: SimulatedDisk(),
            directory: "/trace",
            configuration: configuration,
            time: time
        )
        api = KafkaAPI(broker: broker)
    }

    func close() throws {
        api.stopWaiting()
        try broker.close()
    }

    func play(_ steps: [TraceStep], _ report: inout GoldenReport) throws {
        var previous: TraceStep?
        for step in steps {
            switch step.action {
            case .bytes: continue
            case .sleep(let milliseconds): pass(milliseconds)
            case .repeatPrevious(let count):
                guard let previous, case .request(let request) = previous.action else { continue }
                for _ in 0..<count { _ = wait(for: try send(request, previous)) }
            case .request(let request):
                previous = step
                try ask(request, step, &report)
            }
            try settle(after: step.number, &report)
        }
        try settle(after: .max, &report)
    }

    private func ask(
        _ request: TraceRequest,
        _ step: TraceStep,
        _ report: inout GoldenReport
    ) throws {
        if let held, held.request == request, case .answer(let expected) = step.expected {
            if expected["errorCode"] == Self.concurrentTransactions { return report.note("", nil) }
            self.held = nil
            return compare(expected, held.json, step, request, &report)
        }
        held = nil
        if closed.contains(step.connection) {
            let isTold = step.expected == .closed
            return report.note("step \(step.number)", isTold ? nil : "the connection is closed")
        }
        let sent = Sent(step: step, request: request, answer: try send(request, step))
        if step.answeredAfterStep != nil || step.expected == .nothing {
            parked.append(sent)
        } else {
            try check(sent, &report)
        }
    }

    /// Looks at the answers that must be there by now.
    private func settle(after number: Int, _ report: inout GoldenReport) throws {
        let due = parked.filter { ($0.step.answeredAfterStep ?? .max) <= number }
        parked.removeAll { ($0.step.answeredAfterStep ?? .max) <= number }
        for sent in due { try check(sent, &report) }
    }

    private func check(_ sent: Sent, _ report: inout GoldenReport) throws {
        let name = name(of: sent)
        let answer = sent.step.expected == .nothing ? sent.answer.now : wait(for: sent.answer)
        switch (sent.step.expected, answer) {
        case (.nothing, nil), (.nothing, .some(.none)): report.note(name, nil)
        case (.closed, .close): report.note(name, nil)
        case (.nothing, .close?) where !sent.request.isAnswered:
            closed.insert(sent.step.connection)
            report.note(name, nil)
        case (.answer(let expected), .body(let pieces)?):
            var actual = try decode(Array(pieces.joined()), sent.request)
            let isBusy = expected["errorCode"] == Self.concurrentTransactions
            for _ in 0..<50
            where actual["errorCode"] == Self.concurrentTransactions && !isBusy {
                pass(20)
                let again = wait(for: try send(sent.request, sent.step))
                guard case .body(let pieces)? = again else { break }
                actual = try decode(Array(pieces.joined()), sent.request)
            }
            if isBusy, actual["errorCode"] != Self.concurrentTransactions {
                held = (sent.request, actual)
                return report.note(name, nil)
            }
            compare(expected, actual, sent.step, sent.request, &report)
        case (let expected, let answer):
            guard !TraceDeviations.hasStated(scenario, sent.step.number) else {
                return report.noteDeviation()
            }
            report.note(name, "expected \(Self.words(expected)), got \(Self.words(answer))")
        }
    }

    private func compare(
        _ expected: JSON,
        _ actual: JSON,
        _ step: TraceStep,
        _ request: TraceRequest,
        _ report: inout GoldenReport
    ) {
        let fetch = FetchComparison(ids.translated(expected), actual)
        var expected = TraceIDs.comparable(fetch?.expected ?? expected)
        var actual = TraceIDs.comparable(actual)
        if scenario == "list_groups" {
            // Groups that other scenarios made.
            expected = expected.without("groups")
            actual = actual.without("groups")
        }
        ids.learn(expected, actual)
        let found = ids.translated(expected).difference(from: actual)
        let name = "step \(step.number) \(request.api) v\(request.version)"
        if found == nil, fetch != nil {
            report.noteDeviation()
        } else if found != nil, TraceDeviations.hasStated(scenario, step.number) {
            report.noteDeviation()
        } else {
            report.note(name, found)
        }
    }

    // MARK: Asking

    private func send(_ request: TraceRequest, _ step: TraceStep) throws -> Answer {
        guard let type = kafkaWireMessages["\(request.api)Request"] else {
            throw GoldenError.unexpectedValue(request.api)
        }
        let answer = Answer()
        api.handle(
            APIRequest(
                apiKey: request.key,
                version: request.version,
                clientID: "c\(step.connection)",
                connection: ConnectionIdentity(
                    number: UInt64(step.connection),
                    host: "127.0.0.1"
                ),
                body: try encode(type, ids.translated(request.json), request.version)
            )
        ) { answer.set($0) }
        return answer
    }

    private func encode<Message: GoldenTopMessage>(
        _ type: Message.Type,
        _ json: JSON,
        _ version: Int16
    ) throws -> [UInt8] {
        let message = try type.init(json: json, path: "", tags: UnknownTags())
        var writer = ByteWriter()
        message.write(to: &writer, version: version)
        return try writer.finish()
    }

    private func decode(_ bytes: [UInt8], _ request: TraceRequest) throws -> JSON {
        guard let type = kafkaWireMessages["\(request.api)Response"] else {
            throw GoldenError.unexpectedValue(request.api)
        }
        return try decode(type, bytes, request.version)
    }

    private func decode<Message: GoldenTopMessage>(
        _ type: Message.Type,
        _ bytes: [UInt8],
        _ version: Int16
    ) throws -> JSON {
        let result = bytes.withUnsafeBytes { buffer in
            Result { () throws(WireError) in
                var reader = ByteReader(buffer)
                return try type.init(reading: &reader, version: version)
            }
        }
        return try result.get().json(version: version)
    }

    // MARK: Time

    private static let longestWait: Int64 = 3_000

    private func wait(for answer: Answer) -> APIAnswer? {
        var passed: Int64 = 0
        while answer.now == nil, passed < Self.longestWait {
            pass(10)
            passed += 10
            // Fetches are answered by a thread of their own.
            usleep(500)
        }
        return answer.now
    }

    private func pass(_ milliseconds: Int64) {
        var left = milliseconds
        while left > 0 {
            let part = min(left, 50)
            time.advance(milliseconds: part)
            broker.expireGroups()
            left -= part
            sinceHousekeeping += part
            guard sinceHousekeeping >= 500 else { continue }
            sinceHousekeeping = 0
            broker.housekeeping(now: time.wallTime())
        }
    }

    private func name(of sent: Sent) -> String {
        "step \(sent.step.number) \(sent.request.api) v\(sent.request.version)"
    }

    private static func words(_ expected: TraceStep.Expected) -> String {
        switch expected {
        case .answer: "an answer"
        case .closed: "the connection closed"
        case .nothing: "nothing"
        }
    }

    private static func words(_ answer: APIAnswer?) -> String {
        switch answer {
        case nil, .some(.none): "nothing"
        case .body: "an answer"
        case .close(let reason): "the connection closed: \(reason)"
        }
    }
}

extension JSON {
    fileprivate func without(_ name: String) -> JSON {
        guard case .object(var members) = self else { return self }
        members[name] = nil
        return .object(members)
    }
}

/// Steps that ours answers as `docs/internals/deviations.md` states.
enum TraceDeviations {
    private static let steps: [String: Set<Int>] = [
        // An option that the log does not heed is refused.
        "configs": [10],
        // Options of groups cannot be set.
        "consumer_group_delayed_assignment": [1],
        // A classic member does not join a consumer group that has members.
        "consumer_group_errors": [13],
        // What members tell each other is not looked into: the join is answered.
        "group_unparsable_metadata": [1, 3, 4],
        // The empty group's positions come from another scenario.
        "groups_admin": [7, 8, 9],
        // A topic that Metadata makes is in the same answer.
        "metadata": [12],
        // Markers close no segments of older records, so that a fetch goes on behind them.
        "txn2_commit_abort": [14, 15, 16],
        "txn2_end_retry_old_epoch": [14],
        "txn2_epoch_exhaustion_end": [28],
        // The same; and another transactional id than the producer's is refused.
        "txn2_stale_epoch_and_wrong_id": [8, 15],
        // The owner of old does not fence the new one; step 18 where the broker was of version 0.
        "txn_zombie_fenced": [18, 20],
    ]

    /// Whether clients of transaction version 2 speak to a broker that was kept at version 0, as
    /// ours never is.
    static func isOfOtherVersion(_ file: GoldenFile) -> Bool {
        file.folder.contains("traces-tv0") && file.stem.hasPrefix("txn2_")
    }

    static func hasStated(_ scenario: String, _ step: Int) -> Bool {
        steps[scenario]?.contains(step) ?? false
    }
}
