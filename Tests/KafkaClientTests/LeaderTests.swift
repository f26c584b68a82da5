import BrokerAPI
import BrokerServer
import Bytes
import KafkaRecords
import KafkaWire
import LogModel
import Testing
import Threads

@testable import KafkaClient

/// Partitions that nobody leads, and topics that are made anew.
@Suite struct LeaderTests {
    /// Stands between a client and a server, and says for some answers that nobody leads the
    /// partitions with odd numbers.
    private final class LeaderlessRelay {
        private let server: RawServer
        private let answers: Answers

        private final class Answers: Sendable {
            private let counts: Lock<(told: Int, hidden: Int)>

            init(hiding count: Int) { counts = Lock((0, count)) }

            /// Notes one; whether it hides leaders.
            func isNextHidden() -> Bool {
                counts.withLock { counts in
                    counts.told += 1
                    return counts.told <= counts.hidden
                }
            }

            var told: Int { counts.withLock(\.told) }
        }

        init(to port: UInt16, hiding count: Int) throws {
            let answers = Answers(hiding: count)
            self.answers = answers
            server = try RawServer { client in
                guard let server = try? RawSocket(connectingTo: port) else { return }
                while let request = client.readFrame() {
                    server.write(request)
                    guard var answer = server.readFrame() else { return }
                    let isMetadata = request[4] == 0 && request[5] == 3
                    let version = Int16(request[6]) << 8 | Int16(request[7])
                    if isMetadata, answers.isNextHidden(),
                        let changed = try? Self.hiding(answer, version)
                    {
                        answer = changed
                    }
                    client.write(answer)
                }
            }
        }

        /// Behind the length, the number of the request and, in these versions, an empty list of
        /// tags, there is the answer.
        private static func hiding(_ frame: [UInt8], _ version: Int16) throws -> [UInt8] {
            let start = 9
            let body = try frame.withUnsafeBytes { bytes in
                var reader = ByteReader(UnsafeRawBufferPointer(rebasing: bytes[start...]))
                var response = try MetadataResponse(reading: &reader, version: version)
                for topic in response.topics.indices {
                    for index in response.topics[topic].partitions.indices
                    where response.topics[topic].partitions[index].partitionIndex % 2 == 1 {
                        response.topics[topic].partitions[index].leaderID = -1
                        response.topics[topic].partitions[index].errorCode = 5
                    }
                }
                return try response.encoded(version: version)
            }
            let length = UInt32(start - 4 + body.count)
            let head = (0..<4).map { UInt8(truncatingIfNeeded: length >> (24 - 8 * $0)) }
            return head + frame[4..<start] + body
        }

        var port: UInt16 { server.port }
        var askedCount: Int { answers.told }

        func stop() { server.stop() }
    }

    private let partitions = (0..<2).map { TopicPartition("t", PartitionIndex($0)) }

    /// A cluster with a record in each of two partitions, of which the second has no leader.
    private func withRelay(
        hiding count: Int,
        _ body: (KafkaCluster, LeaderlessRelay) throws -> Void
    ) throws {
        let harness = try ClusterHarness()
        let direct = try KafkaCluster(at: harness.network)
        try direct.createTopic("t", partitionCount: 2, options: [:])
        for partition in partitions {
            let producer = try direct.makeProducerID()
            let text = "of \(partition.partition.rawValue)"
            try direct.produce(ClusterHarness.batch([text], of: producer, from: 0), to: partition)
        }
        let relay = try LeaderlessRelay(to: harness.server.address.port, hiding: count)
        harness.api.setAddresses([
            ("PLAINTEXT", NodeAddress(host: "127.0.0.1", port: Int32(relay.port)))
        ])
        var configuration = KafkaCluster.Configuration()
        configuration.leaderPatience = .milliseconds(200)
        try body(
            KafkaCluster(
                at: .network(host: "127.0.0.1", port: relay.port),
                configuration: configuration
            ),
            relay
        )
        relay.stop()
        try harness.stop()
    }

    private func fetch(
        _ cluster: KafkaCluster,
        wait: Duration = .zero
    ) throws -> [TopicPartition: FetchedPartition] {
        try cluster.fetch(
            Dictionary(uniqueKeysWithValues: partitions.map { ($0, Offset.zero) }),
            isolation: .readCommitted,
            byteLimit: 1 << 20,
            wait: wait
        )
    }

    @Test func `a partition that nobody leads is refused by itself`() throws {
        try withRelay(hiding: .max) { cluster, relay in
            let refusal = KafkaClientError.refused(.leaderNotAvailable, about: "t-1", "")
            let ends = try cluster.offsets(.latest, of: partitions, isolation: .readCommitted)
            #expect(ends == [partitions[0]: .success(Offset(1)), partitions[1]: .failure(refusal)])
            let askedCount = relay.askedCount
            #expect(askedCount > 1)
            // It was waited for once.
            let starts = try cluster.offsets(.earliest, of: partitions, isolation: .readCommitted)
            #expect(starts[partitions[0]] == .success(.zero))
            #expect(starts[partitions[1]] == .failure(refusal))
            #expect(relay.askedCount == askedCount + 1)
            let fetched = try fetch(cluster)
            #expect(try ClusterHarness.values(fetched[partitions[0]]) == ["of 0"])
            #expect(fetched[partitions[1]]?.code == .leaderNotAvailable)
            let deleted = try cluster.deleteRecords(before: [
                partitions[0]: Offset(1), partitions[1]: Offset(1),
            ])
            #expect(deleted[partitions[0]] == .success(Offset(1)))
            #expect(deleted[partitions[1]] == .failure(refusal))
        }
    }

    @Test func `a partition that gets a leader soon is answered for`() throws {
        try withRelay(hiding: 2) { cluster, _ in
            let fetched = try fetch(cluster)
            #expect(try ClusterHarness.values(fetched[partitions[1]]) == ["of 1"])
        }
        try withRelay(hiding: 2) { cluster, _ in
            let ends = try cluster.offsets(.latest, of: partitions, isolation: .readCommitted)
            #expect(ends[partitions[1]] == .success(Offset(1)))
        }
    }

    @Test func `a topic that is not there keeps no other from being answered for`() throws {
        try withRelay(hiding: 0) { cluster, _ in
            let missing = TopicPartition("u", PartitionIndex(0))
            let ends = try cluster.offsets(
                .latest,
                of: partitions + [missing],
                isolation: .readCommitted
            )
            #expect(ends[partitions[0]] == .success(Offset(1)))
            guard case .failure(let error)? = ends[missing] else {
                Issue.record("\(ends)")
                return
            }
            #expect(error.code == .unknownTopicOrPartition)
            let fetched = try cluster.fetch(
                [partitions[0]: .zero, missing: .zero],
                isolation: .readCommitted,
                byteLimit: 1 << 20,
                wait: .zero
            )
            #expect(try ClusterHarness.values(fetched[partitions[0]]) == ["of 0"])
        }
    }

    @Test(arguments: [false, true])
    func `a topic that is made anew is another one until it is forgotten`(
        isSocket: Bool
    ) throws {
        let harness = try ClusterHarness()
        let cluster = try KafkaCluster(at: isSocket ? harness.socket : harness.network)
        let other = try KafkaCluster(at: harness.network)
        try other.createTopic("t", partitionCount: 2, options: [:])
        #expect(try fetch(cluster)[partitions[0]]?.code == KafkaErrorCode.none)
        #expect(try cluster.goneTopics(among: ["t"]) == [])
        try other.deleteTopic("t")
        #expect(try fetch(cluster).values.allSatisfy { $0.code == .unknownTopicID })
        try other.createTopic("t", partitionCount: 2, options: [:])
        other.forget(topic: "t")
        let producer = try other.makeProducerID()
        try other.produce(ClusterHarness.batch(["x"], of: producer, from: 0), to: partitions[0])
        #expect(try fetch(cluster).values.allSatisfy { $0.code == .unknownTopicID })
        #expect(try cluster.goneTopics(among: ["t"]) == ["t"])
        cluster.forget(topic: "t")
        #expect(try ClusterHarness.values(fetch(cluster)[partitions[0]]) == ["x"])
        #expect(try cluster.goneTopics(among: ["t"]) == [])
        try harness.stop()
    }

    @Test func `the first id of a name stays, and one that was given up does not come back`() {
        var identities = TopicIdentities()
        let (first, second) = (UniqueID(high: 0, low: 1), UniqueID(high: 0, low: 2))
        identities.note("t", .zero)
        #expect(identities.id(of: "t") == nil)
        #expect(identities.standing(of: "t", as: first) == .same)
        identities.note("t", first)
        identities.note("t", second)
        #expect(identities.id(of: "t") == first)
        #expect(identities.standing(of: "t", as: first) == .same)
        #expect(identities.standing(of: "t", as: .zero) == .same)
        #expect(identities.standing(of: "t", as: second) == .gone)
        identities.forget("t")
        identities.note("t", first)
        #expect(identities.id(of: "t") == nil && identities.standing(of: "t", as: first) == .gone)
        identities.note("t", second)
        #expect(identities.id(of: "t") == second)
    }
}
