import Broker
import BrokerAPI
import MillraceTestKit

/// One request to a log in memory: API, version, and a body that is as it comes. Every decoder, and
/// what is done with what it makes of the bytes.
enum RequestFuzzing {
    private static let keys = APITable.entries.keys.sorted()
    /// So often the log is made anew, for what requests leave there.
    private static let lifetime = 2_000

    /// SAFETY: libFuzzer has one thread.
    private nonisolated(unsafe) static var open: (broker: Broker, api: KafkaAPI)?
    private nonisolated(unsafe) static var count = 0

    static func run(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count >= 2 else { return }
        let key = keys[Int(bytes[0]) % keys.count]
        guard let entry = APITable.entries[key] else { return }
        let version = entry.served.lowerBound + Int16(bytes[1]) % Int16(entry.served.count)
        if count.isMultiple(of: lifetime) { begin() }
        count += 1
        open?.api.handle(
            APIRequest(
                apiKey: key,
                version: version,
                clientID: "fuzz",
                connection: ConnectionIdentity(number: 1, host: "127.0.0.1"),
                body: Array(bytes[2...])
            )
        ) { _ in }
    }

    private static func begin() {
        open?.api.stopWaiting()
        do throws(BrokerError) {
            try open?.broker.close()
            let broker = try Broker.open(
                disk: SimulatedDisk(),
                directory: "/fuzz",
                configuration: BrokerConfiguration(execution: .inline),
                time: ManualTimeSource()
            )
            try broker.createTopic("t", partitionCount: 2)
            open = (broker, KafkaAPI(broker: broker))
        } catch { fatalError("the log does not open: \(error)") }
    }
}
