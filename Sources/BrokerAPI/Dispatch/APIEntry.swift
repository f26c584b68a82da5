package import Bytes
package import KafkaRecords

/// One API as it is served: its number, its versions, and who answers.
package struct APIEntry: Sendable {
    /// Called once, on any thread.
    package typealias Completion = @Sendable (APIAnswer) -> Void

    package let key: Int16
    /// What ApiVersions tells.
    package let advertised: ClosedRange<Int16>
    /// What can be decoded: old clients want a lower minimum advertised than anybody can send.
    package let served: ClosedRange<Int16>
    /// The first version whose headers and body have tagged fields.
    package let firstFlexibleVersion: Int16
    /// Whether the next request of the same kind on a connection may begin before this one is
    /// answered. What it changes must be done, in the order of arrival, when `serve` returns.
    package let canOverlap: Bool
    /// Whether all that it does is to wait for what happens elsewhere: of a connection that has
    /// ended it concerns nobody.
    package let onlyWaits: Bool
    let serve: @Sendable (KafkaAPI, APIRequest, @escaping Completion) -> Void

    /// Whether the header of a request of this version has tagged fields.
    package func isFlexible(_ version: Int16) -> Bool { version >= firstFlexibleVersion }

    package init(
        key: Int16,
        advertised: ClosedRange<Int16>,
        served: ClosedRange<Int16>? = nil,
        flexibleFrom firstFlexibleVersion: Int16,
        canOverlap: Bool = false,
        onlyWaits: Bool = false,
        serve: @escaping @Sendable (KafkaAPI, APIRequest, @escaping Completion) -> Void
    ) {
        self.key = key
        self.advertised = advertised
        self.served = served ?? advertised
        self.firstFlexibleVersion = firstFlexibleVersion
        self.canOverlap = canOverlap
        self.onlyWaits = onlyWaits
        self.serve = serve
    }

    /// An API whose handler returns the answer, to what `check` lets through.
    static func answering<Request: KafkaMessage, Response: KafkaMessage>(
        _ key: Int16,
        _ advertised: ClosedRange<Int16>,
        served: ClosedRange<Int16>? = nil,
        flexibleFrom: Int16,
        _ check: AccessCheck<Request, Response>,
        _ handler: @escaping @Sendable (KafkaAPI, Request, APICall) -> Response
    ) -> APIEntry {
        APIEntry(key: key, advertised: advertised, served: served, flexibleFrom: flexibleFrom) {
            api,
            request,
            complete in
            switch api.decode(Request.self, request) {
            case .failure(let error): complete(.undecodable(error))
            case .success(var body):
                let call = APICall(request)
                switch check.pass(&body, call, api) {
                case .refused(let response):
                    complete(.encoding(response, version: request.version))
                case .passed(let amend):
                    var response = handler(api, body, call)
                    amend?(&response)
                    complete(.encoding(response, version: request.version))
                }
            }
        }
    }

    /// An API whose handler calls back with the answer to what `check` lets through; nil where
    /// nothing is written.
    static func waiting<Request: KafkaMessage, Response: KafkaMessage>(
        _ key: Int16,
        _ advertised: ClosedRange<Int16>,
        served: ClosedRange<Int16>? = nil,
        flexibleFrom: Int16,
        canOverlap: Bool = false,
        onlyWaits: Bool = false,
        _ check: AccessCheck<Request, Response>,
        _ handler:
            @escaping @Sendable (
                KafkaAPI, Request, APICall, @escaping @Sendable (Response?) -> Void
            ) -> Void
    ) -> APIEntry {
        APIEntry(
            key: key,
            advertised: advertised,
            served: served,
            flexibleFrom: flexibleFrom,
            canOverlap: canOverlap,
            onlyWaits: onlyWaits
        ) { api, request, complete in
            switch api.decode(Request.self, request) {
            case .failure(let error): complete(.undecodable(error))
            case .success(var body):
                let (version, call) = (request.version, APICall(request))
                switch check.pass(&body, call, api) {
                case .refused(let response): complete(.encoding(response, version: version))
                case .passed(let amend):
                    handler(api, body, call) { response in
                        guard var response else { return complete(.none) }
                        amend?(&response)
                        complete(.encoding(response, version: version))
                    }
                }
            }
        }
    }
}

extension APIRequest {
    /// The body. Bytes behind it are ignored, as Kafka does.
    package func decode<Request: KafkaMessage>(
        _ type: Request.Type,
        memoryByteLimit: Int = .max
    ) -> Result<Request, WireError> {
        body.withUnsafeBytes { bytes in
            var reader = ByteReader(bytes, memoryByteLimit: memoryByteLimit)
            return Result { () throws(WireError) in
                try Request(reading: &reader, version: version)
            }
        }
    }
}

extension APIAnswer {
    package static func undecodable(_ error: WireError) -> APIAnswer {
        .close(reason: "a request's body cannot be read")
    }

    package static func encoding(_ response: some KafkaMessage, version: Int16) -> APIAnswer {
        var writer = ByteWriter(gathering: true)
        response.write(to: &writer, version: version)
        do throws(WireError) { return .body(try writer.finishPieces()) } catch {
            return .close(reason: "an answer cannot be written in version \(version)")
        }
    }
}
