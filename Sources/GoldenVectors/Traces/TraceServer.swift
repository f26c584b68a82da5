import Broker
import BrokerAPI
import Coordination
import Glibc
import LogModel
import MillraceTestKit

/// A server of ours for one conversation: a log in memory, a clock that its owner turns, and the
/// settings that `storage/README.md` tells of the broker that was recorded.
final class TraceServer {
    /// What became of a request.
    enum Outcome {
        /// Behind its length.
        case frame([UInt8])
        case closed(String)
        case nothing
    }

    private static let retention = (name: "log.retention.ms", value: "-1")
    private static let longestWait: Int64 = 3_000

    private let time = ManualTimeSource()
    private let broker: Broker
    private let api: KafkaAPI
    private var sinceHousekeeping: Int64 = 0

    init() throws {
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
        var answering = APIConfiguration()
        let (name, value) = Self.retention
        if let problem = answering.topicDefaults.set(name, to: value) {
            throw GoldenError.unexpectedValue("\(name): \(problem)")
        }
        api = KafkaAPI(broker: broker, configuration: answering)
        // Both coordinators were loaded before each conversation.
        for topic in InternalTopic.allCases { try broker.makeInternalTopic(topic) }
    }

    func close() throws {
        api.stopWaiting()
        try broker.close()
    }

    func connect(_ number: UInt64) -> TraceConnection { TraceConnection(api, number: number) }

    /// The answer that is there, or the end of the connection.
    func outcome(_ correlationID: Int32, on connection: TraceConnection) -> Outcome {
        connection.settle()
        if let frame = connection.take(correlationID) { return .frame(frame) }
        return connection.end.map { .closed($0) } ?? .nothing
    }

    /// The same, given time.
    func wait(for correlationID: Int32, on connection: TraceConnection) -> Outcome {
        var passed: Int64 = 0
        while true {
            let outcome = outcome(correlationID, on: connection)
            guard case .nothing = outcome, passed < Self.longestWait else { return outcome }
            pass(10)
            passed += 10
            // Fetches are answered by a thread of their own.
            usleep(500)
        }
    }

    func pass(_ milliseconds: Int64) {
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
}
