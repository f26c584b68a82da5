/// `wire/messages`: bodies of requests and responses, and headers; from bytes to JSON and back.
struct WireMessagesRunner: GoldenRunner {
    func accepts(_ file: GoldenFile) -> Bool {
        guard let line = file.firstLine else { return false }
        return line["api"] != nil && line["kind"] != nil && line["case"] != nil
            && line["outcome"] == nil
    }

    func run(_ file: GoldenFile) throws -> GoldenReport {
        var report = GoldenReport()
        for line in try file.lines() {
            guard let message = try WireMessage(line: line) else {
                report.noteNotYet()
                continue
            }
            let difference = try message.type.difference(
                between: try line.member("hex").hex(),
                and: try line.member("json"),
                tags: try UnknownTags(json: line["unknownTags"]),
                version: message.version
            )
            report.note(message.name, difference)
        }
        return report
    }
}
