import KafkaClient
import LogModel

/// `wire/errors`: Kafka's error codes, their names, and which may be asked again.
struct ErrorsRunner: GoldenRunner {
    func accepts(_ file: GoldenFile) -> Bool { file.name.hasPrefix("errors.json") }

    func run(_ file: GoldenFile) throws -> GoldenReport {
        var report = GoldenReport()
        for entry in try file.json().array() {
            let name = try entry.member("name").string()
            let code = KafkaErrorCode(rawValue: try entry.member("code").integer(Int16.self))
            report.note(name, try difference(code, name, entry))
        }
        return report
    }

    private func difference(
        _ code: KafkaErrorCode,
        _ name: String,
        _ entry: JSON
    ) throws -> String? {
        guard code.kafkaName == name else { return "named \(code.kafkaName)" }
        // Others are left to whoever asked.
        let isFinal = try !entry.member("retriable").boolean()
        return isFinal && code.isRetriable ? "asked again, for nothing" : nil
    }
}
