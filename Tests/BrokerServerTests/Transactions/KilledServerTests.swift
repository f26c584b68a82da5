import Broker
import BrokerAPI
import Coordination
import KafkaWire
import LogModel
import MillraceTestKit
import Synchronization
import Testing

/// A client of transaction version 2 goes on after the server is killed, or its machine loses
/// power, at any moment: it repeats what was not answered, and each transaction is seen wholly or
/// not at all.
@Suite struct KilledServerTests {
    /// The disk before one of its calls, and how many requests were answered then.
    private struct Moment: Sendable {
        var disk: SimulatedDisk
        var answered: Int
    }

    private enum Request {
        case produce([Int32: [String]])
        case offsets(String, Int64)
        case end(commits: Bool)
    }

    private static func script(commits: Bool) -> [Request] {
        [
            .produce([0: ["a"]]), .produce([0: ["b"], 1: ["c"]]), .offsets("g", 7),
            .end(commits: commits), .produce([1: ["d"]]), .offsets("h", 8), .end(commits: true),
        ]
    }

    @Test(arguments: [true, false])
    func `no moment of a kill tears a transaction`(commits: Bool) throws {
        let script = Self.script(commits: commits)
        for (number, moment) in try moments(of: script).enumerated() {
            var states = [moment.disk.afterKill()]
            let plan = moment.disk.crashPlan()
            states.append(moment.disk.crashState(plan, keeping: plan.nothingKept))
            for seed in UInt64(0)..<3 {
                var generator = SeededGenerator(seed: seed, case: number)
                states.append(moment.disk.crashState(using: &generator))
            }
            for (index, state) in states.enumerated() {
                try goOn(
                    script,
                    from: moment.answered,
                    on: state,
                    "moment \(number), state \(index), \(moment.answered) answered"
                )
            }
        }
    }

    /// Plays the script, and keeps the disk at each of its calls.
    private func moments(of script: [Request]) throws -> [Moment] {
        let server = try SimulatedServer()
        try server.broker.createTopic("t", partitionCount: 2)
        // The coordinators' topics are there, as on a server that has run for a while.
        _ = try server.broker.initProducerID(transactionalID: "other", timeout: .seconds(60))
        _ = try server.broker.offsetsPartition(of: "g")
        var client = TransactionClient("x")
        let pair: InitProducerIdResponse = try server.ask(client.initialization, 22, 5)
        client.goOn(pair.producerID, pair.producerEpoch)
        let kept = Mutex<[Moment]>([])
        let answered = Mutex<Int>(0)
        let disk = server.disk
        disk.onOperation { _, _, _ in
            let count = answered.withLock { $0 }
            kept.withLock { $0.append(Moment(disk: disk.copy(), answered: count)) }
        }
        for request in script {
            try send(request, &client, server, "before any kill")
            answered.withLock { $0 += 1 }
        }
        disk.onOperation(nil)
        try server.close()
        let moments = kept.withLock { $0 }
        #expect(Set(moments.map(\.answered)).count == script.count)
        return moments
    }

    private func goOn(
        _ script: [Request],
        from answered: Int,
        on disk: SimulatedDisk,
        _ words: String
    ) throws {
        let server = try SimulatedServer(disk: disk)
        var client = TransactionClient("x")
        let pair = try #require(Self.firstPair(server), "\(words)")
        client.goOn(pair, 0)
        for (index, request) in script.enumerated() {
            guard index >= answered else {
                Self.skip(request, &client)
                continue
            }
            try send(request, &client, server, words)
        }
        server.pass()
        var commits = true
        for case .end(let first) in script.prefix(4) { commits = first }
        #expect(try server.committed("t", 0) == (commits ? ["a", "b"] : []), "\(words)")
        #expect(try server.committed("t", 1) == (commits ? ["c", "d"] : ["d"]), "\(words)")
        #expect(try committed("g", server) == (commits ? 7 : -1), "\(words)")
        #expect(try committed("h", server) == 8, "\(words)")
        try server.close()
    }

    /// The producer id that the client got; it keeps it, for its epochs are far from used up.
    private static func firstPair(_ server: SimulatedServer) -> Int64? {
        server.broker.describeTransaction("x")?.producerID.rawValue
    }

    /// What the client does of itself with a request that was answered before.
    private static func skip(_ request: Request, _ client: inout TransactionClient) {
        switch request {
        case .produce(let values): _ = client.produce("t", values)
        case .offsets: break
        case .end: client.goOn(client.producerID, client.epoch + 1)
        }
    }

    private func send(
        _ request: Request,
        _ client: inout TransactionClient,
        _ server: SimulatedServer,
        _ words: String
    ) throws {
        let before = client
        for _ in 0..<20 {
            var codes: [KafkaErrorCode]
            client = before
            switch request {
            case .produce(let values):
                let produce = client.produce("t", values)
                codes = try server.ask(produce, 0, 12, as: ProduceResponse.self).codes
            case .offsets(let group, let offset):
                let commit = client.offsets(group, "t", offset)
                codes = try server.ask(commit, 28, 5, as: TxnOffsetCommitResponse.self).codes
            case .end(let commits):
                let end: EndTxnResponse = try server.ask(client.end(commits: commits), 26, 5)
                codes = [KafkaErrorCode(rawValue: end.errorCode)]
                if codes == [.none] { client.goOn(end.producerID, end.producerEpoch) }
            }
            if codes.allSatisfy({ $0 == .none }) { return }
            // Markers of the transaction before are on their way: any client comes again.
            guard codes.contains(.concurrentTransactions) else {
                Issue.record("\(request) answered \(codes.map(\.rawValue)): \(words)")
                return
            }
            server.pass()
        }
        Issue.record("\(request) was never answered otherwise than that it is busy: \(words)")
    }

    private func committed(_ group: String, _ server: SimulatedServer) throws -> Int64? {
        let request = OffsetFetchRequest(
            groups: [.init(groupID: group, topics: [.init(name: "t", partitionIndexes: [0])])],
            requireStable: true
        )
        let answer: OffsetFetchResponse = try server.ask(request, 9, 9)
        return answer.groups.first?.topics.first?.partitions.first?.committedOffset
    }
}
