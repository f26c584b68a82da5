import Bytes
import KafkaRecords

/// `wire/schemas`: the facts of every message. From them alone each version of each message is made
/// as bytes and as JSON, with its defaults, with all fields set and with every null; our types must
/// read and write the same.
struct SchemasRunner: GoldenRunner {
    func accepts(_ file: GoldenFile) -> Bool {
        guard let line = file.firstLine else { return false }
        return line["validVersions"] != nil && line["fields"] != nil
    }

    func run(_ file: GoldenFile) throws -> GoldenReport {
        var report = GoldenReport()
        for line in try file.lines() {
            let name = try line.member("name").string()
            guard let range = try SchemaVersions(line.member("validVersions").string()).range else {
                continue
            }
            guard let type = goldenMessages[name] else {
                report.noteNotYet()
                continue
            }
            guard type.versions == range else {
                report.note(name, "versions \(type.versions), not \(range)")
                continue
            }
            for version in range {
                for content in SchemaContent.allCases {
                    let form = try SchemaForm(line, version, content)
                    report.note(
                        "\(name) v\(version) \(content)",
                        try type.difference(
                            between: form.bytes,
                            and: form.json,
                            tags: UnknownTags(),
                            version: version
                        )
                    )
                }
            }
        }
        return report
    }
}

/// A range of versions as schemas tell it: `4`, `0-3`, `2+` or `none`.
struct SchemaVersions {
    /// Nil for none.
    let range: ClosedRange<Int16>?

    init(_ text: String?) throws(GoldenError) {
        guard let text, text != "none" else {
            range = nil
            return
        }
        let parts = text.split(separator: "-")
        let isOpen = text.hasSuffix("+")
        guard let first = Int16(isOpen ? text.dropLast() : parts.first ?? ""),
            let last = isOpen ? .max : Int16(parts.last ?? ""), first <= last
        else { throw .unexpectedValue("the versions \(text)") }
        range = first...last
    }

    init(_ json: JSON?) throws(GoldenError) {
        try self.init(json.map { (json) throws(GoldenError) in try json.string() })
    }

    func contains(_ version: Int16) -> Bool { range?.contains(version) ?? false }
}

/// What the fields of a made message hold.
enum SchemaContent: CaseIterable {
    case defaults
    case filled
    case nulls
}
