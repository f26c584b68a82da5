import Broker
import BrokerAPI
import Bytes
import Foundation
import KafkaRecords
import KafkaWire
import LogStorage
import Synchronization
import Testing

/// The APIs over a log of their own, without a listener.
final class APIHarness {
    struct NoAnswer: Error {}

    let directory: String
    let broker: Broker
    let api: KafkaAPI
    /// Who asks from here on.
    var client = ConnectionIdentity(number: 1, host: "127.0.0.1")

    init(
        _ configuration: APIConfiguration = APIConfiguration(),
        reopening known: String? = nil,
        authorizer: AuthorizerSettings? = nil
    ) throws {
        directory =
            known
            ?? FileManager.default.temporaryDirectory.path + "/millrace-api-\(UUID().uuidString)"
        broker = try Broker.open(
            disk: PosixDisk(),
            directory: directory,
            configuration: BrokerConfiguration(execution: .inline)
        )
        let broker = broker
        api = KafkaAPI(
            broker: broker,
            configuration: configuration,
            accessControl: try authorizer.map { try AccessControl(broker, $0) }
        )
    }

    func close() throws {
        try broker.close()
        try FileManager.default.removeItem(atPath: directory)
    }

    /// The answer to a body, which must come at once; nil where the connection is closed.
    func answer(_ key: Int16, _ version: Int16, body: [UInt8]) throws -> [UInt8]? {
        let request = APIRequest(
            apiKey: key,
            version: version,
            clientID: "c0",
            connection: client,
            body: body
        )
        let answered = Mutex<APIAnswer?>(nil)
        api.handle(request) { answer in answered.withLock { $0 = answer } }
        switch answered.withLock({ $0 }) {
        case .body(let pieces): return Array(pieces.joined())
        case .close, .some(.none): return nil
        case nil: throw NoAnswer()
        }
    }

    /// The answer to a request.
    func ask<Request: KafkaMessage, Response: KafkaMessage>(
        _ request: Request,
        _ key: Int16,
        _ version: Int16,
        as type: Response.Type = Response.self
    ) throws -> Response {
        let body = try request.encoded(version: version)
        return try Self.decode(try #require(try answer(key, version, body: body)), version)
    }

    static func decode<Message: KafkaMessage>(
        _ bytes: [UInt8],
        _ version: Int16
    ) throws -> Message {
        try bytes.withUnsafeBytes { buffer in
            var reader = ByteReader(buffer)
            return try Message(reading: &reader, version: version)
        }
    }
}
