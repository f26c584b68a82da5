import Bytes
import LogModel

/// `wire/batches`: valid batches and message sets; decoded, encoded again where the bytes must be
/// the same, and sent as a client would send them.
struct BatchesRunner: GoldenRunner {
    func accepts(_ file: GoldenFile) -> Bool {
        guard let line = file.firstLine, line["hex"] != nil else { return false }
        return line["decoded"] != nil || line["decodedBatches"] != nil
    }

    func run(_ file: GoldenFile) throws -> GoldenReport {
        var report = GoldenReport()
        var check = ProduceCheck()
        for line in try file.lines() {
            let name = try line.member("case").string()
            let bytes = try line.member("hex").hex()
            if let found = try difference(line, bytes) {
                report.note(name, found)
                continue
            }
            let sent = bytes.count >= 8 ? [UInt8](repeating: 0, count: 8) + bytes[8...] : bytes
            switch try check.outcome(of: line, sent: sent, isReadable: true) {
            case .equal: report.note(name, nil)
            case .statedDeviation: report.noteDeviation(ProduceCheck.words)
            case .differs(let text): report.note(name, text)
            }
        }
        return report
    }

    private func difference(_ line: JSON, _ bytes: [UInt8]) throws -> String? {
        let expected: [JSON]
        if let batches = line["decodedBatches"] {
            expected = try batches.array()
        } else {
            expected = [try line.member("decoded")]
        }
        var walk = BatchWalk()
        var actual: [JSON] = []
        var encoded: [UInt8] = []
        let failure = walk.run(bytes) { batch in
            actual.append(batch.json)
            encoded += batch.encodedAgain
        }
        if let failure { return "\(failure.stage): \(failure.error)" }
        if let found = JSON.array(expected).difference(from: .array(actual)) { return found }
        let isExact = try line.member("exact").boolean()
        return isExact && encoded != bytes ? "encoded as \(hex(encoded))" : nil
    }
}
