import KafkaRecords
package import KafkaWire
import LogModel

/// A connection to one node: one request at a time. After a failure it is of no use any more, for
/// an answer that comes late would be taken for that to the next request.
package final class KafkaConnection: KafkaExchange {
    package let address: KafkaAddress
    private let channel: ClientChannel
    private let stopTime: @Sendable () -> UInt64?
    private var correlation: Int32 = 0
    private var served = ServedVersions(ApiVersionsResponse())
    private var hasFailed = false
    package private(set) var wasClosed = false

    /// Connects, asks for the versions that are served, and says who this is where somebody asks.
    package init(
        to address: KafkaAddress,
        patience: Duration,
        security: ClientSecurity = .none,
        stopTime: @escaping @Sendable () -> UInt64? = { nil }
    ) throws(KafkaClientError) {
        self.address = address
        self.stopTime = stopTime
        do throws(ClientChannel.Failure) {
            let deadline = Deadline(after: patience, stopTime: stopTime)
            channel = try ClientChannel(to: address, security, until: deadline)
        } catch {
            switch error {
            case .socket(let failure): throw .unreachable(address, Self.words(of: failure))
            case .insecure(let words): throw .untrusted(address, words)
            }
        }
        served = ServedVersions(try askForVersions(patience))
        if let login = security.login { try logIn(login, patience: patience) }
    }

    package var isBroken: Bool { hasFailed || channel.isStale }

    package func exchange(
        _ api: WireAPI,
        among versions: ClosedRange<Int16>,
        patience: Duration,
        body: (Int16) throws(KafkaClientError) -> [UInt8]
    ) throws(KafkaClientError) -> (body: [UInt8], start: Int, version: Int16) {
        let version: Int16
        do throws(ServedVersions.Disagreement) {
            version = try served.choose(api, among: versions)
        } catch {
            throw .unsupported(address, request: api.name, error.words)
        }
        let (frame, start) = try send(api, version, try body(version), patience)
        return (frame, start, version)
    }

    // MARK: Versions

    /// A server that does not know our version says so in version 0, with those it has.
    private func askForVersions(
        _ patience: Duration
    ) throws(KafkaClientError) -> ApiVersionsResponse {
        let newest = ApiVersionsRequest.usedVersions.upperBound
        let first = try askForVersions(newest, patience)
        guard first.errorCode == KafkaErrorCode.unsupportedVersion.rawValue else {
            return try checked(first)
        }
        let known = first.apiKeys.first { $0.apiKey == ApiVersionsRequest.api.key }
        let version = min(known?.maxVersion ?? 0, newest)
        return try checked(try askForVersions(max(version, 0), patience))
    }

    private func checked(
        _ response: ApiVersionsResponse
    ) throws(KafkaClientError) -> ApiVersionsResponse {
        let code = KafkaErrorCode(rawValue: response.errorCode)
        guard code == .none else { throw .refused(code, about: "ApiVersions", "") }
        return response
    }

    private func askForVersions(
        _ version: Int16,
        _ patience: Duration
    ) throws(KafkaClientError) -> ApiVersionsResponse {
        let api = ApiVersionsRequest.api
        let body: [UInt8]
        do {
            body = try ApiVersionsRequest(
                clientSoftwareName: "millrace",
                clientSoftwareVersion: "0.1.0"
            ).encoded(version: version)
        } catch { throw .unwritable(request: api.name) }
        let (frame, start) = try send(api, version, body, patience)
        let isRefused = frame.dropFirst(start).prefix(2).elementsEqual([0, 35])
        do {
            return try ClientFrame.decode(frame, from: start, version: isRefused ? 0 : version)
        } catch {
            hasFailed = true
            throw .nonsense(address, "the answer to \(api.name) cannot be read")
        }
    }

    // MARK: Frames

    private func send(
        _ api: WireAPI,
        _ version: Int16,
        _ body: [UInt8],
        _ patience: Duration
    ) throws(KafkaClientError) -> (frame: [UInt8], start: Int) {
        correlation &+= 1
        let number = correlation
        let request: [UInt8]
        do {
            request = try ClientFrame.request(
                api,
                version: version,
                correlation: number,
                body: body
            )
        } catch { throw .unwritable(request: api.name) }
        let deadline = Deadline(after: patience, stopTime: stopTime)
        do {
            try channel.send(request, until: deadline)
            var head: [UInt8] = []
            try channel.receive(4, into: &head, until: deadline)
            var frame: [UInt8] = []
            try channel.receive(try ClientFrame.length(head), into: &frame, until: deadline)
            let start = try ClientFrame.bodyStart(
                of: frame,
                api,
                version: version,
                correlation: number
            )
            return (frame, start)
        } catch {
            hasFailed = true
            switch error {
            case let error as ClientFrame.Nonsense: throw .nonsense(address, error.words)
            case let error as StreamSocket.Failure:
                wasClosed = error.isOfOtherEnd
                throw .lost(address, request: api.name, Self.words(of: error))
            default: throw .lost(address, request: api.name, "the connection failed")
            }
        }
    }

    private static func words(of failure: StreamSocket.Failure) -> String {
        switch failure {
        case .system(let words): words
        case .closed: "it closed the connection"
        case .timedOut: "it took too long"
        case .stopped:
            "a signal asked for the end, and it had not answered "
                + "\(Deadline.afterStop.components.seconds) seconds later"
        }
    }
}
