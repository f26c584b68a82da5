import Bytes
import KafkaRecords
import LogModel

/// `wire/internal`: the coordinators' records, control records, the embedded consumer protocol and
/// the producer snapshot; from bytes to JSON and back.
struct InternalRecordsRunner: GoldenRunner {
    func accepts(_ file: GoldenFile) -> Bool {
        guard let line = file.firstLine else { return false }
        return line["topic"] != nil && line["message"] != nil && line["part"] != nil
    }

    func run(_ file: GoldenFile) throws -> GoldenReport {
        var report = GoldenReport()
        for line in try file.lines() {
            let message = try line.member("message").string()
            let version = try line.member("version").integer(Int16.self)
            let name = "\(message) v\(version) \(try line.member("case").string())"
            if try line.member("part").string() == "record" {
                report.note(name, try markerDifference(line))
            } else if let type = kafkaRecordsMessages[message] {
                report.note(name, try difference(type, line, version: version))
            } else {
                report.note(name, "no such message")
            }
        }
        return report
    }

    private func difference<Message: GoldenTopMessage>(
        _ type: Message.Type,
        _ line: JSON,
        version: Int16
    ) throws -> String? {
        let bytes = try line.member("hex").hex()
        let json = try line.member("json")
        let tags = try UnknownTags(json: line["unknownTags"])
        do throws(WireError) {
            let decoded = try decode(type, bytes, version: version)
            if let found = json.difference(from: decoded.json(version: version)) { return found }
            var decodedTags = UnknownTags()
            decoded.collectTags(path: "", into: &decodedTags)
            guard decodedTags == tags else { return "unknown tags \(decodedTags)" }
        } catch {
            return "not decoded: \(error)"
        }
        let encoded: [UInt8]
        do {
            encoded = try type.init(json: json, path: "", tags: tags).encoded(version: version)
        } catch let error as WireError {
            return "not encoded: \(error)"
        }
        return encoded == bytes ? nil : "encoded as \(hex(encoded))"
    }

    private func decode<Message: KafkaMessage>(
        _ type: Message.Type,
        _ bytes: [UInt8],
        version: Int16
    ) throws(WireError) -> Message {
        guard type.prefix == .none else { return try type.init(decoding: bytes) }
        let result = bytes.withUnsafeBytes { buffer in
            Result { () throws(WireError) in
                var reader = ByteReader(buffer)
                let message = try type.init(reading: &reader, version: version)
                guard reader.isAtEnd else { throw .impossibleLength(Int64(reader.byteCountLeft)) }
                return message
            }
        }
        return try result.get()
    }

    /// A transaction marker: key and value of a control record.
    private func markerDifference(_ line: JSON) throws -> String? {
        let key = try line.member("keyHex").hex()
        let value = try line.member("hex").hex()
        let json = try line.member("json")
        let type = try json.member("controlType").integer(Int16.self)
        let epoch = try json.member("coordinatorEpoch").integer(Int32.self)
        guard let result = TransactionResult(rawValue: type) else { return "no transaction result" }
        let expected = EndTransactionMarker(result: result, coordinatorEpoch: epoch)
        let decoded = key.withUnsafeBytes { key in
            value.withUnsafeBytes { EndTransactionMarker(key: key, value: $0) }
        }
        guard decoded == expected else { return "decoded as \(String(describing: decoded))" }
        guard expected.key == key, expected.value == value else {
            return "encoded as \(hex(expected.key)) \(hex(expected.value))"
        }
        return nil
    }
}

/// Lower-case hexadecimal digits.
func hex(_ bytes: some Sequence<UInt8>) -> String {
    bytes.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
}
