import Broker
import BrokerAPI
import Coordination
import KafkaWire
import LogModel
import Testing

/// Transaction version 2 as clients speak it (KIP-890): Produce 12, EndTxn 5, TxnOffsetCommit 5.
@Suite struct TransactionVersionTwoTests {
    private func make(_ server: SimulatedServer, partitions: Int32 = 2) throws {
        try server.broker.createTopic("t", partitionCount: partitions)
    }

    private func begin(_ server: SimulatedServer, _ id: String = "x") throws -> TransactionClient {
        var client = TransactionClient(id)
        let answer: InitProducerIdResponse = try server.ask(client.initialization, 22, 5)
        #expect(answer.errorCode == 0)
        client.goOn(answer.producerID, answer.producerEpoch)
        return client
    }

    private func end(
        _ client: inout TransactionClient,
        _ server: SimulatedServer,
        commits: Bool = true
    ) throws {
        let answer: EndTxnResponse = try server.ask(client.end(commits: commits), 26, 5)
        #expect(answer.errorCode == 0)
        #expect(answer.producerID == client.producerID)
        #expect(answer.producerEpoch == client.epoch + 1)
        client.goOn(answer.producerID, answer.producerEpoch)
    }

    private func produce(
        _ request: ProduceRequest,
        _ server: SimulatedServer,
        version: Int16 = 12
    ) throws -> [KafkaErrorCode] {
        try server.ask(request, 0, version, as: ProduceResponse.self).codes
    }

    @Test func `partitions join with their first batch, and each end raises the epoch`() throws {
        let server = try SimulatedServer()
        try make(server)
        var client = try begin(server)
        #expect(try produce(client.produce("t", [0: ["a"], 1: ["b"]]), server) == [.none, .none])
        #expect(try server.committed("t") == [])
        try end(&client, server)
        #expect(try produce(client.produce("t", [0: ["gone"]]), server) == [.none])
        try end(&client, server, commits: false)
        #expect(try produce(client.produce("t", [0: ["c"]]), server) == [.none])
        try end(&client, server)
        #expect(try server.committed("t") == ["a", "c"])
        #expect(try server.committed("t", 1) == ["b"])
        let known = try #require(server.broker.describeTransaction("x"))
        #expect(known.epoch == ProducerEpoch(3))
        #expect(known.clientVersion == 2)
        try server.close()
    }

    @Test func `an open transaction says what version it is, before its end`() throws {
        let server = try SimulatedServer()
        try make(server)
        var client = try begin(server)
        _ = try produce(client.produce("t", [0: ["a"]]), server)
        let again = try server.killed()
        let known = try #require(again.broker.describeTransaction("x"))
        #expect(known.state == .ongoing)
        #expect(known.clientVersion == 2)
        #expect(known.partitions.map(\.name.partition) == [PartitionIndex(0)])
        try again.close()
    }

    @Test func `an abort of nothing succeeds, a commit of nothing is no transaction`() throws {
        let server = try SimulatedServer()
        var client = try begin(server)
        let commit: EndTxnResponse = try server.ask(client.end(commits: true), 26, 5)
        #expect(KafkaErrorCode(rawValue: commit.errorCode) == .invalidTransactionState)
        #expect(commit.producerID == -1)
        try end(&client, server, commits: false)
        try end(&client, server, commits: false)
        try server.close()
    }

    @Test func `what was sent in an earlier transaction and comes late changes nothing`() throws {
        let server = try SimulatedServer()
        try make(server)
        var client = try begin(server)
        _ = try produce(client.produce("t", [0: ["a"]]), server)
        let late = client.produce("t", [0: ["late"], 1: ["late"]])
        let lateEnd = client.end(commits: false)
        let lateOffsets = client.offsets("g", "t", 99)
        try end(&client, server)
        for isOpen in [false, true] {
            if isOpen { _ = try produce(client.produce("t", [0: ["b"]]), server) }
            #expect(
                try produce(late, server) == [.invalidProducerEpoch, .invalidProducerEpoch]
            )
            let offsets: TxnOffsetCommitResponse = try server.ask(lateOffsets, 28, 5)
            #expect(offsets.codes == [.invalidProducerEpoch])
            let end: EndTxnResponse = try server.ask(lateEnd, 26, 5)
            // The opposite of what was decided, or the end of one before the open one.
            let expected: KafkaErrorCode = isOpen ? .producerFenced : .invalidTransactionState
            #expect(KafkaErrorCode(rawValue: end.errorCode) == expected)
        }
        try end(&client, server)
        #expect(try server.committed("t") == ["a", "b"])
        #expect(try server.committed("t", 1) == [])
        try server.close()
    }

    @Test func `positions join the transaction and count with its commit`() throws {
        let server = try SimulatedServer()
        try make(server)
        var client = try begin(server)
        let group = "g"
        for (offset, commits) in [(Int64(5), true), (9, false)] {
            let answer: TxnOffsetCommitResponse = try server.ask(
                client.offsets(group, "t", offset),
                28,
                5
            )
            #expect(answer.codes == [.none])
            try end(&client, server, commits: commits)
            #expect(try committed(group, server) == 5)
        }
        // A client of version 1 has to announce them.
        let unannounced: TxnOffsetCommitResponse = try server.ask(
            client.offsets(group, "t", 11),
            28,
            4
        )
        #expect(unannounced.codes == [.transactionAbortable])
        try server.close()
    }

    private func committed(_ group: String, _ server: SimulatedServer) throws -> Int64? {
        let request = OffsetFetchRequest(
            groups: [.init(groupID: group, topics: [.init(name: "t", partitionIndexes: [0])])],
            requireStable: true
        )
        let answer: OffsetFetchResponse = try server.ask(request, 9, 9)
        return answer.groups.first?.topics.first?.partitions.first?.committedOffset
    }

    @Test func `one partition that cannot join keeps no other out`() throws {
        let server = try SimulatedServer()
        try make(server)
        var client = try begin(server)
        #expect(
            try produce(client.produce("t", [0: ["a"], 7: ["nowhere"]]), server)
                == [.unknownTopicOrPartition, .none]
        )
        try end(&client, server)
        #expect(try server.committed("t") == ["a"])
        try server.close()
    }

    @Test func `another transactional id than the producer's is refused, open or not`() throws {
        let server = try SimulatedServer()
        try make(server)
        var client = try begin(server)
        var other = try begin(server, "y")
        var foreign = client.produce("t", [0: ["a"]])
        foreign.transactionalID = "y"
        #expect(try produce(foreign, server) == [.invalidProducerIDMapping])
        client.goOn(client.producerID, client.epoch)
        #expect(try produce(client.produce("t", [0: ["a"]]), server) == [.none])
        foreign = client.produce("t", [0: ["b"]])
        foreign.transactionalID = "y"
        #expect(try produce(foreign, server) == [.invalidProducerIDMapping])
        try end(&client, server)
        try end(&other, server, commits: false)
        #expect(try server.committed("t") == ["a"])
        try server.close()
    }

    @Test func `a client of version 1 goes on beside one of version 2`() throws {
        let server = try SimulatedServer()
        try make(server)
        var new = try begin(server)
        var old = try begin(server, "old")
        for round in 0..<3 {
            #expect(try produce(new.produce("t", [0: ["new\(round)"]]), server) == [.none])
            let unannounced = old.produce("t", [0: ["old\(round)"]])
            #expect(try produce(unannounced, server, version: 11) == [.transactionAbortable])
            let added: AddPartitionsToTxnResponse = try server.ask(
                AddPartitionsToTxnRequest(
                    v3AndBelowTransactionalID: "old",
                    v3AndBelowProducerID: old.producerID,
                    v3AndBelowProducerEpoch: old.epoch,
                    v3AndBelowTopics: [.init(name: "t", partitions: [0])]
                ),
                24,
                3
            )
            #expect(added.resultsByTopicV3AndBelow.first?.resultsByPartition.count == 1)
            #expect(try produce(unannounced, server, version: 11) == [.none])
            let ended: EndTxnResponse = try server.ask(old.end(commits: round != 1), 26, 4)
            #expect(ended.errorCode == 0)
            try end(&new, server)
        }
        #expect(server.broker.describeTransaction("old")?.epoch == ProducerEpoch(0))
        #expect(try server.committed("t") == ["new0", "old0", "new1", "new2", "old2"])
        try server.close()
    }

    @Test func `an end that was not answered is answered alike by the next process`() throws {
        for commits in [true, false] {
            let server = try SimulatedServer()
            try make(server)
            var client = try begin(server)
            _ = try produce(client.produce("t", [0: ["a"]]), server)
            let request = client.end(commits: commits)
            let first: EndTxnResponse = try server.ask(request, 26, 5)
            let again = try server.killed()
            again.pass()
            let second: EndTxnResponse = try again.ask(request, 26, 5)
            #expect(second == first)
            #expect(second.errorCode == 0)
            client.goOn(second.producerID, second.producerEpoch)
            #expect(try produce(client.produce("t", [0: ["b"]]), again) == [.none])
            try end(&client, again)
            #expect(try again.committed("t") == (commits ? ["a", "b"] : ["b"]))
            try again.close()
        }
    }

    @Test func `the feature is told as final, and below version 4 not among the supported`() throws
    {
        let server = try SimulatedServer()
        let request = ApiVersionsRequest(clientSoftwareName: "a", clientSoftwareVersion: "1")
        for version in Int16(0)...4 {
            let answer: ApiVersionsResponse = try server.ask(request, 18, version)
            let level = answer.finalizedFeatures.first { $0.name == "transaction.version" }
            #expect(level?.maxVersionLevel == (version >= 3 ? 2 : nil))
            let supported = answer.supportedFeatures.first { $0.name == "transaction.version" }
            #expect(supported?.maxVersion == (version >= 4 ? 2 : nil))
            #expect((answer.finalizedFeaturesEpoch >= 0) == (version >= 3))
        }
        try server.close()
    }
}
