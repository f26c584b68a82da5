import BrokerAPI

/// Plays one conversation against a server of its own.
final class TracePlayer {
    private struct Sent {
        let step: TraceStep
        let request: TraceRequest
        let connection: TraceConnection

        var name: String { "step \(step.number) \(request.name) v\(request.version)" }
    }

    private static let concurrentTransactions = JSON.integer(51)
    private static let retryLimit = 50

    private let scope: TraceScope
    private let server: TraceServer
    private var connections: [UInt64: TraceConnection] = [:]
    private var ids = TraceIDs()
    private var deviations: TraceDeviations
    private var parked: [Sent] = []
    /// An answer that came earlier than Kafka's, which asked to try again first.
    private var held: (request: TraceRequest, json: JSON)?

    /// `isOfVersionZero`: the recorded broker was kept at transaction version 0.
    init(_ steps: [TraceStep], isOfVersionZero: Bool) throws {
        scope = TraceScope(steps)
        deviations = TraceDeviations(isOfVersionZero: isOfVersionZero)
        server = try TraceServer()
    }

    func close() throws { try server.close() }

    func play(_ steps: [TraceStep], _ report: inout GoldenReport) throws {
        var previous: Sent?
        for step in steps {
            switch step.action {
            case .sleep(let milliseconds): server.pass(milliseconds)
            case .repeatPrevious(let count):
                guard let previous else { continue }
                for _ in 0..<count {
                    try send(previous)
                    _ = server.wait(
                        for: previous.request.correlationID,
                        on: previous.connection
                    )
                }
            case .send(let request):
                let sent = Sent(
                    step: step,
                    request: request,
                    connection: connection(step.connection)
                )
                if request.bytes == nil { previous = sent }
                try ask(sent, &report)
            }
            try settle(after: step.number, &report)
        }
        try settle(after: .max, &report)
    }

    private func connection(_ number: UInt64) -> TraceConnection {
        if let known = connections[number] { return known }
        let connection = server.connect(number)
        connections[number] = connection
        return connection
    }

    private func send(_ sent: Sent) throws {
        sent.connection.send(try sent.request.encoded(ids.translated(sent.request.json)))
    }

    private func ask(_ sent: Sent, _ report: inout GoldenReport) throws {
        if let held, held.request.isSame(as: sent.request),
            case .answer(let expected) = sent.step.expected
        {
            if expected["errorCode"] == Self.concurrentTransactions {
                return report.note(sent.name, nil)
            }
            self.held = nil
            return compare(expected, held.json, sent, &report)
        }
        held = nil
        deviations.asked(sent.request, sent.step)
        try send(sent)
        if sent.step.answeredAfterStep != nil || sent.step.expected == .nothing {
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
        let correlationID = sent.request.correlationID
        let outcome =
            sent.step.expected == .nothing
            ? server.outcome(correlationID, on: sent.connection)
            : server.wait(for: correlationID, on: sent.connection)
        switch (sent.step.expected, outcome) {
        case (.nothing, .nothing), (.closed, .closed): report.note(sent.name, nil)
        // What cannot be told otherwise.
        case (.nothing, .closed) where !sent.request.isAnswered: report.note(sent.name, nil)
        case (.answer(let expected), .frame(let frame)):
            try checkAnswer(expected, frame, sent, &report)
        case (let expected, let outcome):
            if let stated = deviations.reason(expected, outcome, to: sent.request) {
                return report.noteDeviation(stated)
            }
            report.note(
                sent.name,
                "expected \(Self.words(expected)), got \(Self.words(outcome))"
            )
        }
    }

    private func checkAnswer(
        _ expected: JSON,
        _ frame: [UInt8],
        _ sent: Sent,
        _ report: inout GoldenReport
    ) throws {
        var actual = try sent.request.decode(frame)
        let isBusy = expected["errorCode"] == Self.concurrentTransactions
        var retriesLeft = Self.retryLimit
        while actual["errorCode"] == Self.concurrentTransactions, !isBusy, retriesLeft > 0 {
            retriesLeft -= 1
            server.pass(20)
            try send(sent)
            let again = server.wait(for: sent.request.correlationID, on: sent.connection)
            guard case .frame(let frame) = again else { break }
            actual = try sent.request.decode(frame)
        }
        if isBusy, actual["errorCode"] != Self.concurrentTransactions {
            held = (sent.request, actual)
            deviations.answeredAtOnce(sent.request, actual)
            return report.note(sent.name, nil)
        }
        compare(expected, actual, sent, &report)
    }

    private func compare(
        _ expected: JSON,
        _ actual: JSON,
        _ sent: Sent,
        _ report: inout GoldenReport
    ) {
        let request = sent.request
        let fetch = FetchComparison(ids.translated(expected), actual)
        let ours = TraceIDs.comparable(scope.restricted(actual, to: request))
        var theirs = TraceIDs.comparable(
            scope.restricted(fetch?.expected ?? expected, to: request)
        )
        ids.learn(theirs, ours)
        theirs = ids.translated(theirs)
        if theirs == ours {
            deviations.answered(request, ours)
            if fetch != nil { return report.noteDeviation(FetchComparison.words) }
            return report.note(sent.name, nil)
        }
        let (adapted, reasons) = deviations.adapted(theirs, to: ours, of: request)
        deviations.answered(request, ours)
        if let found = adapted.difference(from: ours) { return report.note(sent.name, found) }
        let words = reasons + (fetch == nil ? [] : [FetchComparison.words])
        report.noteDeviation(words.joined(separator: "; "))
    }

    private static func words(_ expected: TraceStep.Expected) -> String {
        switch expected {
        case .answer: "an answer"
        case .closed: "the connection closed"
        case .nothing: "nothing"
        }
    }

    private static func words(_ outcome: TraceServer.Outcome) -> String {
        switch outcome {
        case .nothing: "nothing"
        case .frame: "an answer"
        case .closed(let reason): "the connection closed: \(reason)"
        }
    }
}
