import BrokerAPI
import KafkaWire

/// `wire/apiversions`: the versions of each API's schema, and of the headers in front of them; the
/// versions that a server tells, and its answers to ApiVersions, frame by frame.
struct WireAPIsRunner: GoldenRunner {
    func accepts(_ file: GoldenFile) -> Bool { file.name.hasPrefix("apiversions.json") }

    func run(_ file: GoldenFile) throws -> GoldenReport {
        var report = GoldenReport()
        let json = try file.json()
        let headerVersions = try json.member("headerVersions")
        for entry in try json.member("apis").array() {
            let name = try entry.member("name").string()
            guard let api = WireAPI.known(try entry.member("key").integer(Int16.self)) else {
                report.noteNotYet()
                continue
            }
            let headers = try headerVersions.member(name)
            report.note(name, try difference(api, entry, headers, name: name))
            try noteAdvertised(api, entry, name: name, &report)
        }
        try checkAnswers(try json.member("responses").array(), &report)
        return report
    }

    /// Compares what the server tells of an API.
    private func noteAdvertised(
        _ api: WireAPI,
        _ entry: JSON,
        name: String,
        _ report: inout GoldenReport
    ) throws {
        if WireAPI.isUnserved(api.key) { return report.noteDeviation("\(name) is not served") }
        let told = APITable.entries[api.key]?.advertised
        let (first, last) = try (
            entry.member("min").integer(Int16.self), entry.member("max").integer(Int16.self)
        )
        if told == first...max(first, last) { return report.note("\(name) told", nil) }
        if api.key == StatedVersions.addPartitionsToTxn, told?.lowerBound == first,
            told?.upperBound == StatedVersions.ofBrokers.lowerBound - 1
        {
            return report.noteDeviation("versions of \(name) that only brokers send are not served")
        }
        report.note(
            "\(name) told",
            "\(told.map { "\($0)" } ?? "not at all"), not \(first) to \(last)"
        )
    }

    private func checkAnswers(_ answers: [JSON], _ report: inout GoldenReport) throws {
        let server = try TraceServer()
        let key = JSON.integer(Int64(APITable.apiVersionsKey))
        for (index, answer) in answers.enumerated() {
            let version = try answer.member("requestVersion").integer(Int16.self)
            let request = try TraceRequest(
                .object([
                    "api": .string("ApiVersions"), "key": key,
                    "version": .integer(Int64(version)), "correlation": .integer(0),
                    "json": .object([
                        "clientSoftwareName": .string("golden"),
                        "clientSoftwareVersion": .string("1.0"),
                    ]),
                ]),
                clientID: "golden"
            )
            let connection = server.connect(UInt64(index))
            connection.send(try request.encoded(request.json))
            let name = "answer to version \(version)"
            guard case .frame(let frame) = server.wait(for: 0, on: connection) else {
                report.note(name, "no answer")
                continue
            }
            let expected = TraceIDs.comparable(
                try request.decode(answer.member("frameHex").hex())
            )
            let actual = TraceIDs.comparable(try request.decode(frame))
            let adapted = StatedVersions.adapted(expected, to: actual)
            if let found = adapted.difference(from: actual) {
                report.note(name, found)
            } else if adapted != expected {
                report.noteDeviation(StatedVersions.words)
            } else {
                report.note(name, nil)
            }
        }
        try server.close()
    }

    private func difference(
        _ api: WireAPI,
        _ entry: JSON,
        _ headers: JSON,
        name: String
    ) throws -> String? {
        guard api.name == name else { return "named \(api.name)" }
        let first = try entry.member("schemaMin").integer(Int16.self)
        let last = try entry.member("schemaMax").integer(Int16.self)
        guard api.versions.lowerBound == first, api.versions.upperBound == last else {
            return "versions \(api.versions), not \(first) to \(last)"
        }
        let isUnstable = try entry.member("max").integer(Int16.self) < last
        guard api.isLatestVersionUnstable == isUnstable else {
            return "the stability of version \(last)"
        }
        guard try headers.member("firstVersion").integer(Int16.self) == first else {
            return "header versions begin elsewhere"
        }
        let requests = try headers.member("request").array().map { item throws(GoldenError) in
            try item.integer(Int16.self)
        }
        let responses = try headers.member("response").array().map { item throws(GoldenError) in
            try item.integer(Int16.self)
        }
        guard requests == api.versions.map(api.requestHeaderVersion) else {
            return "request headers \(api.versions.map(api.requestHeaderVersion))"
        }
        guard responses == api.versions.map(api.responseHeaderVersion) else {
            return "response headers \(api.versions.map(api.responseHeaderVersion))"
        }
        return nil
    }
}
