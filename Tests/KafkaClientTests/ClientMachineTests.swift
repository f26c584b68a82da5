import Bytes
import KafkaWire
import Testing

@testable import KafkaClient

@Suite struct ClientMachineTests {
    // MARK: Addresses

    @Test(arguments: ["127.0.0.1:9092", "[::1]:9092", "kafka.example:1"])
    func `an address reads as it is written`(text: String) {
        #expect(KafkaAddress(text)?.description == text)
    }

    @Test(arguments: ["", "9092", ":9092", "host", "host:", "host:0", "host:65536", "::1:9092"])
    func `what names no host and port is no address`(text: String) {
        #expect(KafkaAddress(text) == nil)
    }

    // MARK: Versions

    private func served(_ lowest: Int16, _ highest: Int16, of key: Int16 = 1) -> ServedVersions {
        ServedVersions(
            ApiVersionsResponse(
                apiKeys: [.init(apiKey: key, minVersion: lowest, maxVersion: highest)]
            )
        )
    }

    @Test func `the highest version that both sides have is used`() throws {
        let api = FetchRequest.api
        #expect(try served(0, 17).choose(api, among: 5...12) == 12)
        #expect(try served(4, 7).choose(api, among: 5...12) == 7)
        #expect(try served(12, 17).choose(api, among: 5...12) == 12)
    }

    @Test func `without a common version both sides' are told`() {
        let api = FetchRequest.api
        #expect(throws: ServedVersions.Disagreement.apart(ours: 5...12, theirs: 13...17)) {
            try served(13, 17).choose(api, among: 5...12)
        }
        #expect(throws: ServedVersions.Disagreement.apart(ours: 5...12, theirs: 0...4)) {
            try served(0, 4).choose(api, among: 5...12)
        }
        #expect(throws: ServedVersions.Disagreement.unknown) {
            try served(0, 4, of: 99).choose(api, among: 5...12)
        }
    }

    @Test func `a range that goes backwards is no version`() {
        #expect(throws: ServedVersions.Disagreement.unknown) {
            try served(9, 3).choose(FetchRequest.api, among: 5...12)
        }
    }

    // MARK: Frames

    @Test(
        arguments: [
            [0, 0, 0, 0], [0, 0, 0, 3], [0xff, 0xff, 0xff, 0xff], [0x7f, 0xff, 0xff, 0xff],
            [0x10, 0, 0, 1],
        ] as [[UInt8]]
    )
    func `a length that no answer has is refused before memory is taken`(bytes: [UInt8]) {
        #expect(throws: ClientFrame.Nonsense.self) { try ClientFrame.length(bytes) }
    }

    @Test func `other protocols are called by their names`() {
        #expect(throws: ClientFrame.Nonsense(words: "it speaks HTTP")) {
            try ClientFrame.length(Array("HTTP".utf8))
        }
        #expect(throws: ClientFrame.Nonsense(words: "it speaks SSH")) {
            try ClientFrame.length(Array("SSH-".utf8))
        }
    }

    @Test func `an answer to another request is refused`() throws {
        let api = MetadataRequest.api
        let frame: [UInt8] = [0, 0, 0, 7, 0, 1, 2]
        let start = try ClientFrame.bodyStart(of: frame, api, version: 9, correlation: 7)
        #expect(start == 5)
        #expect(throws: ClientFrame.Nonsense.self) {
            try ClientFrame.bodyStart(of: frame, api, version: 9, correlation: 8)
        }
        #expect(throws: ClientFrame.Nonsense.self) {
            try ClientFrame.bodyStart(of: [0, 0], api, version: 9, correlation: 0)
        }
    }

    // MARK: Retries

    @Test func `attempts end once the time for them is over, however short each was`() {
        var schedule = RetrySchedule(limit: .seconds(5))
        var waited = Duration.zero
        var count = 0
        while let pause = schedule.next(spent: .zero) {
            #expect(pause <= .seconds(1))
            waited += pause
            count += 1
        }
        #expect(waited == .seconds(5))
        #expect((5...20).contains(count))
    }

    @Test func `what an attempt took counts`() {
        var schedule = RetrySchedule(limit: .seconds(5))
        #expect(schedule.next(spent: .seconds(4)) != nil)
        #expect(schedule.next(spent: .seconds(2)) == nil)
    }

    // MARK: Batches

    @Test func `a batch that the server has cut is left out`() {
        let whole = [UInt8](repeating: 0, count: 8) + [0, 0, 0, 3, 1, 2, 3]
        #expect(KafkaCluster.wholeBatchByteCount(whole) == 15)
        #expect(KafkaCluster.wholeBatchByteCount(whole + whole.dropLast()) == 15)
        #expect(KafkaCluster.wholeBatchByteCount(whole + whole.prefix(5)) == 15)
        #expect(KafkaCluster.wholeBatchByteCount([]) == 0)
        let huge = [UInt8](repeating: 0, count: 8) + [0x7f, 0xff, 0xff, 0xff, 1]
        #expect(KafkaCluster.wholeBatchByteCount(whole + huge) == 15)
    }
}
