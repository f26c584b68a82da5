import Broker
import BrokerAPI
import Foundation
import KafkaWire
import LogStorage
import Security
import Synchronization
import Testing

/// The users that are kept, as administrators change them.
struct UserTests {
    private typealias Alter = AlterUserScramCredentialsRequest

    private func upsertion(
        _ name: String,
        mechanism: Int8 = 1,
        iterations: Int32 = 4096,
        salt: [UInt8] = [1, 2, 3],
        byteCount: Int = 32
    ) -> Alter.ScramCredentialUpsertion {
        Alter.ScramCredentialUpsertion(
            name: name,
            mechanism: mechanism,
            iterations: iterations,
            salt: salt,
            saltedPassword: [UInt8](repeating: 7, count: byteCount)
        )
    }

    private func alter(_ request: Alter, _ harness: APIHarness) throws -> [String: Int16] {
        let response: AlterUserScramCredentialsResponse = try harness.ask(request, 51, 0)
        return Dictionary(uniqueKeysWithValues: response.results.map { ($0.user, $0.errorCode) })
    }

    private func describe(
        _ users: [String]?,
        _ harness: APIHarness
    ) throws -> [DescribeUserScramCredentialsResponse.DescribeUserScramCredentialsResult] {
        let response: DescribeUserScramCredentialsResponse = try harness.ask(
            DescribeUserScramCredentialsRequest(users: users.map { $0.map { .init(name: $0) } }),
            50,
            0
        )
        #expect(response.errorCode == 0)
        return response.results
    }

    @Test func `users are kept over a restart, and described without what is secret`() throws {
        var harness = try APIHarness()
        let request = Alter(upsertions: [
            upsertion("b"), upsertion("a", mechanism: 2, iterations: 16_384, byteCount: 64),
        ])
        #expect(try alter(request, harness) == ["a": 0, "b": 0])
        #expect(try alter(Alter(upsertions: [upsertion("a")]), harness) == ["a": 0])
        let kept = try #require(harness.api.credentials.credential("b", .sha256))
        #expect(kept.storedKey != [UInt8](repeating: 7, count: 32))
        let directory = harness.directory
        try harness.broker.close()
        harness = try APIHarness(reopening: directory)
        #expect(harness.api.credentials.credential("b", .sha256) == kept)
        let described = try describe(nil, harness)
        #expect(described.map(\.user) == ["a", "b"])
        #expect(described.first?.credentialInfos.map(\.iterations) == [4096, 16_384])
        #expect(try alter(Alter(deletions: [.init(name: "b", mechanism: 1)]), harness) == ["b": 0])
        #expect(try describe(nil, harness).map(\.user) == ["a"])
        #expect(try describe(["b", "a", "c", "c"], harness).map(\.errorCode) == [91, 0, 92])
        try harness.close()
    }

    @Test func `what cannot be kept is refused with Kafka's codes, and nothing of that user is`()
        throws
    {
        let harness = try APIHarness()
        for (upsertion, code) in [
            (upsertion(""), Int16(93)), (upsertion("a", mechanism: 3), 33),
            (upsertion("a", mechanism: 0), 33), (upsertion("a", iterations: 4095), 93),
            (upsertion("a", iterations: 16_385), 93), (upsertion("a", salt: []), 93),
            (upsertion("a", salt: [UInt8](repeating: 1, count: 257)), 93),
            (upsertion("a", byteCount: 31), 93),
            (upsertion(String(repeating: "x", count: 513)), 93),
        ] {
            let codes = try alter(Alter(upsertions: [upsertion]), harness)
            #expect(codes == [upsertion.name: code])
        }
        let mixed = Alter(
            deletions: [.init(name: "nobody", mechanism: 1), .init(name: "twice", mechanism: 1)],
            upsertions: [
                upsertion("good"), upsertion("bad", mechanism: 9), upsertion("both"),
                upsertion("both", mechanism: 2, byteCount: 64), upsertion("twice"),
            ]
        )
        let codes = ["good": Int16(0), "bad": 33, "nobody": 91, "twice": 92, "both": 92]
        #expect(try alter(mixed, harness) == codes)
        #expect(try describe(nil, harness).map(\.user) == ["good"])
        try harness.close()
    }

    @Test func `logins that fail are counted, and told by hosts, some in a span of time`() throws {
        let told = Mutex<[LoginFailure]>([])
        var configuration = APIConfiguration()
        configuration.onLoginFailure = { failure in told.withLock { $0.append(failure) } }
        let harness = try APIHarness(configuration)
        for _ in 0..<12 { harness.api.loginFailed(LoginFailure(host: "a", mechanism: "PLAIN")) }
        harness.api.loginFailed(LoginFailure(host: "b", mechanism: "PLAIN"))
        #expect(told.withLock { $0.map(\.host) } == [String](repeating: "a", count: 10) + ["b"])
        #expect(harness.api.probe.failedLoginCount == 13)
        try harness.close()
    }

    @Test func `users of a file that is damaged are not told, and certainly not changed`() throws {
        let harness = try APIHarness()
        _ = try alter(Alter(upsertions: [upsertion("a")]), harness)
        try harness.broker.close()
        let path = "\(harness.directory)/.millrace/users"
        try Data("no users".utf8).write(to: URL(filePath: path))
        let next = try APIHarness(reopening: harness.directory)
        let told: DescribeUserScramCredentialsResponse = try next.ask(
            DescribeUserScramCredentialsRequest(users: nil),
            50,
            0
        )
        #expect(told.errorCode == 54 && told.results.isEmpty)
        #expect(told.errorMessage?.contains(path) == true)
        let changed = try alter(
            Alter(
                deletions: [.init(name: "a", mechanism: 1)],
                upsertions: [upsertion("b"), upsertion("c", iterations: 1)]
            ),
            next
        )
        #expect(changed == ["a": 54, "b": 54, "c": 54])
        try next.close()
    }

    @Test func `of a file that is damaged nobody is let in, and nothing is written over`() throws {
        let harness = try APIHarness()
        _ = try alter(Alter(upsertions: [upsertion("a"), upsertion("b")]), harness)
        let directory = harness.directory
        try harness.broker.close()
        let path = "\(directory)/.millrace/users"
        let whole = try #require(FileManager.default.contents(atPath: path))
        for position in [0, 9, 14, 20, whole.count - 1] {
            var bytes = whole
            bytes[position] ^= 0x40
            try bytes.write(to: URL(filePath: path))
            let store = CredentialStore(disk: PosixDisk(), directory: directory)
            #expect(store.damage?.contains(path) == true)
            #expect(store.all.isEmpty)
            #expect(throws: LogStorageError.self) {
                try store.apply([.init(user: "c", mechanism: .sha256): nil])
            }
            #expect(FileManager.default.contents(atPath: path) == bytes)
        }
        try whole.prefix(whole.count - 1).write(to: URL(filePath: path))
        #expect(CredentialStore(disk: PosixDisk(), directory: directory).damage != nil)
        try whole.write(to: URL(filePath: path))
        #expect(CredentialStore(disk: PosixDisk(), directory: directory).all.count == 2)
        try FileManager.default.removeItem(atPath: directory)
    }
}
