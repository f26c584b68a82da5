import KafkaWire
import LogModel
import Synchronization
package import Telemetry

/// What clients asked, and how long it took: counted once a request.
package final class APIProbe: Sendable {
    /// The requests of one API.
    private final class Meter: Sendable {
        let seconds = Histogram(.latencies)
        let closed = Counter()
    }

    /// What was asked of one API.
    package struct Usage: Sendable {
        /// Kafka's name of it.
        package let name: String
        /// From the begin of a request's handling to its answer. A fetch and a join may wait.
        package let seconds: HistogramCounts
        /// Requests that were answered by closing the connection.
        package let closedCount: UInt64
    }

    private let meters: [Int16: Meter]
    private let opened = Counter()
    private let closed = Counter()
    private let failedLogins = Counter()

    init() {
        meters = APITable.entries.mapValues { _ in Meter() }
    }

    func connectionOpened() { opened.add() }
    func connectionClosed() { closed.add() }
    func loginFailed() { failedLogins.add() }

    package var failedLoginCount: UInt64 { failedLogins.current }

    /// Connections that were accepted, and those that are open.
    package var connections: (accepted: UInt64, open: UInt64) {
        // In this order: none is closed that was not opened before.
        let (ended, begun) = (closed.current, opened.current)
        return (begun, begun &- min(ended, begun))
    }

    /// `answer`, measured from now on.
    func measuring(
        _ key: Int16,
        _ clock: any TimeSource,
        _ answer: @escaping @Sendable (APIAnswer) -> Void
    ) -> @Sendable (APIAnswer) -> Void {
        guard let meter = meters[key] else { return answer }
        let begin = clock.monotonicNanoseconds()
        return { outcome in
            meter.seconds.observe(nanosecondsSince: begin, at: clock.monotonicNanoseconds())
            if case .close = outcome { meter.closed.add() }
            answer(outcome)
        }
    }

    /// Of every API that was asked, by number.
    package var usages: [Usage] {
        meters.sorted { $0.key < $1.key }.compactMap { key, meter in
            let seconds = meter.seconds.current
            guard seconds.count > 0 else { return nil }
            return Usage(
                name: WireAPI.named(by: key)?.name ?? "\(key)",
                seconds: seconds,
                closedCount: meter.closed.current
            )
        }
    }
}
