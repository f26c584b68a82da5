import KafkaWire

/// `wire/apiversions`: the versions of each API's schema, and of the headers in front of them.
struct WireAPIsRunner: GoldenRunner {
    func accepts(_ file: GoldenFile) -> Bool { file.name.hasPrefix("apiversions.json") }

    func run(_ file: GoldenFile) throws -> GoldenReport {
        var report = GoldenReport()
        let json = try file.json()
        let headerVersions = try json.member("headerVersions")
        for entry in try json.member("apis").array() {
            let name = try entry.member("name").string()
            guard let api = WireAPI.named(by: try entry.member("key").integer(Int16.self)) else {
                report.noteNotYet()
                continue
            }
            let headers = try headerVersions.member(name)
            report.note(name, try difference(api, entry, headers, name: name))
        }
        return report
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
