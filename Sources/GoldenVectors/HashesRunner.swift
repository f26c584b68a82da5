import Bytes

/// `wire/hashes`: murmur2, CRC-32C, coordinator partitions, variable-length integers, UUIDs.
struct HashesRunner: GoldenRunner {
    func accepts(_ file: GoldenFile) -> Bool {
        file.stem.hasPrefix("hashes") && !file.name.contains(".jsonl")
    }

    func run(_ file: GoldenFile) throws -> GoldenReport {
        let json = try file.json()
        var report = GoldenReport()
        let counts = try json.member("partitionCounts").array()
        for entry in try list(json, "murmur2") { try checkMurmur(entry, counts, &report) }
        for entry in try list(json, "crc32c") { try checkChecksum(entry, &report) }
        for entry in try list(json, "coordinatorPartition") { try checkHashCode(entry, &report) }
        for name in ["varint", "varlong", "unsignedVarint", "unsignedVarlong"] {
            for entry in try list(json, name) { try checkVarint(name, entry, &report) }
        }
        for entry in try list(json, "decodeUnsignedVarint") {
            try checkDecoding("decodeUnsignedVarint", entry, &report) {
                p,
                end throws(VarintError) in
                Int64(try Varint.readUnsigned32(&p, end: end))
            }
        }
        for entry in try list(json, "decodeVarlong") {
            try checkDecoding("decodeVarlong", entry, &report) { p, end throws(VarintError) in
                try Varint.read(&p, end: end)
            }
        }
        for entry in try list(json, "uuid") { try checkUniqueID(entry, &report) }
        return report
    }

    private func list(_ json: JSON, _ name: String) throws(GoldenError) -> [JSON] {
        try json[name]?.array() ?? []
    }

    private func checkMurmur(
        _ entry: JSON,
        _ counts: [JSON],
        _ report: inout GoldenReport
    ) throws {
        let key = try entry.member("keyHex").hex()
        let hash = key.withUnsafeBytes { murmur2($0) }
        var partitions: [JSON] = []
        for count in counts {
            let count = try count.integer(Int32.self)
            partitions.append(
                .integer(Int64(key.withUnsafeBytes { partition(ofKey: $0, count: count) }))
            )
        }
        let actual: [String: JSON] = [
            "keyHex": try entry.member("keyHex"), "hash": .integer(Int64(hash)),
            "positive": .integer(Int64(hash & 0x7fff_ffff)), "partitions": .array(partitions),
        ]
        report.note("murmur2 \(hex(key))", entry.difference(from: .object(actual)))
    }

    private func checkChecksum(_ entry: JSON, _ report: inout GoldenReport) throws {
        let bytes = try entry.member("hex").hex()
        let expected = try entry.member("crc").integer(UInt32.self)
        let sum = bytes.withUnsafeBytes { crc32c($0) }
        report.note("crc32c \(hex(bytes))", sum == expected ? nil : "got \(sum)")
    }

    private func checkHashCode(_ entry: JSON, _ report: inout GoldenReport) throws {
        let id = try entry.member("id").string()
        var actual: [String: JSON] = [
            "id": .string(id), "hashCode": .integer(Int64(javaHashCode(id))),
        ]
        for count: Int32 in [50, 4, 7] {
            actual["of\(count)"] = .integer(Int64(coordinatorPartition(of: id, count: count)))
        }
        report.note("coordinatorPartition \(id)", entry.difference(from: .object(actual)))
    }

    private func checkVarint(
        _ name: String,
        _ entry: JSON,
        _ report: inout GoldenReport
    ) throws {
        let expected = try entry.member("hex").hex()
        let value = try entry.member("value")
        let isUnsigned = name.hasPrefix("unsigned")
        let bits: UInt64
        switch value {
        case .string(let digits): bits = UInt64(digits) ?? 0
        default: bits = UInt64(bitPattern: try value.integer(Int64.self))
        }
        let encoded = withUnsafeTemporaryAllocation(byteCount: 10, alignment: 1) { buffer in
            guard let start = buffer.baseAddress else { return [UInt8]() }
            var p = start
            if isUnsigned {
                Varint.writeUnsigned(bits, to: &p)
            } else {
                Varint.write(Int64(bitPattern: bits), to: &p)
            }
            return Array(UnsafeRawBufferPointer(start: start, count: p - start))
        }
        let decoded = expected.withUnsafeBytes { buffer -> UInt64? in
            guard var p = buffer.baseAddress else { return nil }
            let end = p + buffer.count
            if isUnsigned { return try? Varint.readUnsigned(&p, end: end) }
            return (try? Varint.read(&p, end: end)).map { UInt64(bitPattern: $0) }
        }
        let isEqual = encoded == expected && decoded == bits
        report.note(
            "\(name) \(bits)",
            isEqual ? nil : "written \(hex(encoded)), read \(decoded ?? 0)"
        )
    }

    private func checkDecoding(
        _ name: String,
        _ entry: JSON,
        _ report: inout GoldenReport,
        _ read: (inout UnsafeRawPointer, UnsafeRawPointer) throws(VarintError) -> Int64
    ) throws {
        let bytes = try entry.member("hex").hex()
        // One byte more, so that there is an address even where there is no byte.
        let actual = (bytes + [0]).withUnsafeBytes { buffer -> JSON in
            guard let start = buffer.baseAddress else { return .null }
            var p = start
            do throws(VarintError) {
                let value = try read(&p, start + bytes.count)
                return .object(["value": .integer(value), "used": .integer(Int64(p - start))])
            } catch {
                let isCut = error == .truncated
                return .object([
                    "error": .string(
                        isCut ? "BufferUnderflowException" : "IllegalArgumentException"
                    )
                ])
            }
        }
        guard case .object(var members) = actual else { return }
        members["hex"] = .string(hex(bytes))
        report.note("\(name) \(hex(bytes))", entry.difference(from: .object(members)))
    }

    private func checkUniqueID(_ entry: JSON, _ report: inout GoldenReport) throws {
        let text = try entry.member("text").string()
        let bytes = try entry.member("hex").hex()
        var reader = ByteWriter()
        if let id = UniqueID(text) { reader.writeUniqueID(id) }
        let written = try reader.finish()
        let described = UniqueID(text)?.description ?? "nothing"
        let isEqual = written == bytes && described == text
        report.note("uuid \(text)", isEqual ? nil : "\(hex(written)), \(described)")
    }
}
