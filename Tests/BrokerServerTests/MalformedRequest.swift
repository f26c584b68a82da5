import Foundation
import Testing

/// What was sent to Apache Kafka 4.3.1 on one connection, and what came back
/// (`Fixtures/malformed.jsonl`, which `Fixtures/malformed.py` writes).
struct MalformedRequest: Decodable, Sendable, CustomTestStringConvertible {
    /// Where Kafka answers UNKNOWN_SERVER_ERROR, nothing, or what no client needs: ours, as
    /// `docs/internals/deviations.md` states.
    enum Deviation {
        /// The error code of the one partition in an answer to Produce.
        case produceCode(Int16)
        case answer(String)
    }

    var kind: String
    var what: String
    /// The topic that it names, which was made before.
    var topic: String
    var send: String
    /// Frames without their lengths.
    var answers: [String]
    /// Whether the connection ended behind them.
    var closed: Bool

    var testDescription: String { "\(kind): \(what)" }

    static let all: [MalformedRequest] = {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("Fixtures/malformed.jsonl")
        let lines = (try? Data(contentsOf: file))?.split(separator: UInt8(ascii: "\n")) ?? []
        return lines.compactMap { try? JSONDecoder().decode(Self.self, from: Data($0)) }
    }()

    /// Whether it may be the begin of a request, so that nothing can be said behind it.
    var isUnfinished: Bool { answers.isEmpty && !closed && deviation == nil }

    var deviation: Deviation? {
        let isCompressed = kind == "compression"
        switch what {
        case "records of length -2 in Produce", "null records in Produce",
            "a length of 2147483647", "a record's length of more than 32 bits":
            return .produceCode(87)
        case "the same topic twice in Fetch":
            let name = topic.utf8.map { String($0, radix: 16) }.joined()
            let empty = "000000000000" + String(repeating: "0", count: 32) + "ffffffff00000000"
            let head = "0000000700000000" + "00000001" + "0005\(name)" + "00000002"
            return .answer(head + empty + empty)
        default:
            // What escapes Kafka's decompressors.
            guard isCompressed, answers.first.map(Self.produceCode) == -1 else { return nil }
            return .produceCode(2)
        }
    }

    /// The error code of the one partition in an answer to Produce of the versions 3 to 7.
    static func produceCode(_ answer: String) -> Int16? {
        let place = 2 * (4 + 4 + 2 + 5 + 4 + 4)
        guard answer.utf8.count >= place + 4 else { return nil }
        let digits = answer.dropFirst(place).prefix(4)
        return UInt16(digits, radix: 16).map { Int16(bitPattern: $0) }
    }

    static func bytes(_ hex: String) -> [UInt8] {
        let digits = Array(hex.utf8).map { UInt8($0 < 0x40 ? $0 - 0x30 : $0 - 0x57) }
        return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
    }

    static func hex(_ bytes: [UInt8]) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}
