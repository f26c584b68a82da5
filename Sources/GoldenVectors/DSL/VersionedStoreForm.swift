import LogModel

/// The rows of a versioned store in a vector, read out of the entries of ours: the newest value of
/// each key, and its value as of every time of the case's steps.
struct VersionedStoreForm {
    /// In milliseconds.
    let history: Int64
    /// The times of the reads.
    let times: [Int64]

    private struct Version {
        let start: Int64
        let end: Int64
        let value: [UInt8]
    }

    init(history: Int64, steps: [JSON]) throws {
        self.history = history
        times = Set(try steps.compactMap { try $0["t"]?.integer(Int64.self) }).sorted()
    }

    func expected(_ row: JSON) throws -> String {
        let columns = try row.array()
        let time = try columns[1] == .null ? nil : columns[1].integer(Int64.self)
        return Self.text(
            key: try DSLCase.bytes(of: columns[0], type: "S") ?? [],
            time: time,
            value: try DSLCase.bytes(of: columns[2], type: "S") ?? [],
            start: try columns[3].integer(Int64.self)
        )
    }

    /// What ours answers.
    func actual(
        _ contents: [(key: [UInt8], value: [UInt8], timestamp: Timestamp)]
    ) -> [String] {
        var streamTime = Int64.min
        var versions: [[UInt8]: [Version]] = [:]
        for (key, value, timestamp) in contents {
            switch key.first {
            case 0: streamTime = StoreForm.time(value[..<8])
            case 1 where value.first == 1:
                let end = key.count - 16
                let version = Version(
                    start: StoreForm.time(key[(end + 8)...]),
                    end: StoreForm.time(key[end..<(end + 8)]),
                    value: Array(value.dropFirst())
                )
                versions[StoreForm.unescaped(key[1..<end]), default: []].append(version)
            case 3:
                versions[StoreForm.unescaped(key[1...]), default: []]
                    .append(Version(start: timestamp.rawValue, end: .max, value: value))
            default: break
            }
        }
        return versions.flatMap { key, versions in rows(of: key, versions, streamTime) }
    }

    private func rows(of key: [UInt8], _ versions: [Version], _ streamTime: Int64) -> [String] {
        let newest = versions.first { $0.end == .max }
        var rows: [String] = []
        if let newest {
            rows.append(Self.text(key: key, time: nil, value: newest.value, start: newest.start))
        }
        for time in times {
            let isInHistory = time >= streamTime - history
            let found = versions.first {
                $0.start <= time && time < $0.end && (isInHistory || $0.end == .max)
            }
            guard let found else { continue }
            rows.append(Self.text(key: key, time: time, value: found.value, start: found.start))
        }
        return rows
    }

    private static func text(key: [UInt8], time: Int64?, value: [UInt8], start: Int64) -> String {
        "\(DSLCase.text(of: key)) as of \(time.map(String.init) ?? "now"): "
            + "\(DSLCase.text(of: value)) since \(start)"
    }
}
