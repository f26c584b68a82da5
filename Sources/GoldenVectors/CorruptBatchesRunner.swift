import LogModel

/// `wire/batches-corrupt`: where reading stops and why, and what a produce request with these
/// bytes is answered.
struct CorruptBatchesRunner: GoldenRunner {
    func accepts(_ file: GoldenFile) -> Bool {
        guard let line = file.firstLine else { return false }
        return line["reader"] != nil && line["produce"] != nil && line["hex"] != nil
    }

    func run(_ file: GoldenFile) throws -> GoldenReport {
        var report = GoldenReport()
        var check = ProduceCheck()
        for line in try file.lines() {
            let name = try line.member("case").string()
            let bytes = try line.member("hex").hex()
            let reading = try readerOutcome(line, bytes)
            if case .differs(let text) = reading {
                report.note(name, text)
                continue
            }
            let stage = try line.member("reader").member("stage").string()
            let producing = try check.outcome(of: line, sent: bytes, isReadable: stage == "ok")
            switch (reading, producing) {
            case (_, .differs(let text)): report.note(name, text)
            case (.equal, .equal): report.note(name, nil)
            default: report.noteDeviation(ProduceCheck.words)
            }
        }
        return report
    }

    private func readerOutcome(_ line: JSON, _ bytes: [UInt8]) throws -> ProduceCheck.Outcome {
        let reader = try line.member("reader")
        let stage = try reader.member("stage").string()
        let error = try reader.member("error")
        var walk = BatchWalk()
        var batchCount = 0
        var recordCount = 0
        let failure = walk.run(bytes) { batch in
            batchCount += 1
            recordCount += batch.recordCount
        }
        guard let failure else {
            guard stage == "ok" else {
                // An absurd length is a torn batch here, Kafka's buffer throws.
                return stage == "batches" && error == .string("IllegalArgumentException")
                    ? .statedDeviation : .differs("read to the end, Kafka stops at \(stage)")
            }
            let expected = try (
                reader.member("batches").integer(Int.self),
                reader.member("records").integer(Int.self)
            )
            return expected == (batchCount, recordCount)
                ? .equal : .differs("\(batchCount) batches with \(recordCount) records")
        }
        // Kafka's reader looks at no offset; here a batch is none whose offsets cannot be.
        if case .impossibleOffsets = failure.error { return .statedDeviation }
        let ours = failure.stage.rawValue
        guard ours == stage else {
            return .differs("stops at \(ours) (\(failure.error)), Kafka at \(stage)")
        }
        let name = try error.string()
        let expected = exceptionClass(of: failure.error, magic: failure.magic)
        if expected == name { return .equal }
        // Overlong varints and lengths beyond the buffer surface as the buffer's own exception
        // there, which a node answers with UNKNOWN_SERVER_ERROR.
        return expected == "InvalidRecordException" && name == "IllegalArgumentException"
            ? .statedDeviation : .differs("\(failure.error) where Kafka has \(name)")
    }

    /// Kafka's exception class for what an error of ours stands for.
    private func exceptionClass(of error: RecordBatchError, magic: UInt8) -> String {
        switch error {
        case .truncated, .impossibleLength, .unsupportedMagic, .checksumMismatch:
            "CorruptRecordException"
        case .unknownCodec:
            magic < 2 ? "InvalidRecordException" : "IllegalArgumentException"
        case .damagedCompression:
            "KafkaException"
        case .malformedRecord:
            magic < 2 ? "IllegalArgumentException" : "InvalidRecordException"
        case .trailingBytes, .impossibleRecordCount, .impossibleOffsets, .compressedRecords,
            .tooLarge:
            "InvalidRecordException"
        }
    }
}
