import Bytes
import KafkaRecords
import KafkaWire

/// `wire/frames`: the length, the header of the version that the table of APIs tells, the body.
struct WireFramesRunner: GoldenRunner {
    func accepts(_ file: GoldenFile) -> Bool {
        guard let line = file.firstLine else { return false }
        return line["headerVersion"] != nil && line["header"] != nil
    }

    func run(_ file: GoldenFile) throws -> GoldenReport {
        var report = GoldenReport()
        for line in try file.lines() {
            let key = try line.member("apiKey").integer(Int16.self)
            guard let message = try WireMessage(line: line), let api = WireAPI.known(key) else {
                report.noteNotYet()
                continue
            }
            report.note(message.name, try difference(line, message, api))
        }
        return report
    }

    private func difference(
        _ line: JSON,
        _ message: WireMessage,
        _ api: WireAPI
    ) throws -> String? {
        let isRequest = try line.member("kind").string() == "request"
        let headerVersion =
            isRequest
            ? api.requestHeaderVersion(message.version)
            : api.responseHeaderVersion(message.version)
        guard try line.member("headerVersion").integer(Int16.self) == headerVersion else {
            return "header version \(headerVersion)"
        }
        let header = try line.member("header")
        let body = try line.member("json")
        var frame: [UInt8]
        do {
            frame =
                isRequest
                ? try RequestHeader(json: header, path: "", tags: UnknownTags())
                    .encoded(version: headerVersion)
                : try ResponseHeader(json: header, path: "", tags: UnknownTags())
                    .encoded(version: headerVersion)
            frame += try message.type.init(json: body, path: "", tags: UnknownTags())
                .encoded(version: message.version)
        } catch let error as WireError {
            return "not encoded: \(error)"
        }
        var length = ByteWriter()
        length.writeInteger(Int32(frame.count))
        frame = try length.finish() + frame
        return try line.member("hex").hex() == frame ? nil : "encoded as \(hex(frame))"
    }
}
