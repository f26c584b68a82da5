import LogModel

/// Compares what our produce rules say of a batch with what a node of Kafka answered.
struct ProduceCheck: ~Copyable {
    enum Outcome {
        case equal
        case statedDeviation
        case differs(String)
    }

    static let words = "damaged and unreadable batches are refused as what they are"

    /// A default node refuses records more than an hour ahead of its clock.
    private static let hour: Int64 = 3_600_000
    private static let unknownServerError = KafkaErrorCode.unknownServerError
    private static let invalidProducerIDMapping = KafkaErrorCode.invalidProducerIDMapping

    private var decompressor = RecordDecompressor()
    private let rules: ProduceRules

    init() {
        let now = SystemTimeSource().wallTime()
        rules = ProduceRules(latestTimestamp: Timestamp(now.rawValue + Self.hour))
    }

    /// `isReadable` says whether Kafka's reader reads the batch: one that it accepts and then
    /// cannot read is refused here.
    mutating func outcome(
        of line: JSON,
        sent: [UInt8],
        isReadable: Bool
    ) throws -> Outcome {
        let produce = try line.member("produce")
        let code = KafkaErrorCode(rawValue: try produce.member("errorCode").integer(Int16.self))
        // The transaction coordinator answered, before anything looked at the batch.
        if code == Self.invalidProducerIDMapping { return .equal }

        let refusal = refusal(of: sent)
        let ours = refusal?.code ?? .none
        if ours == code {
            let indexes = try produce.member("recordErrorIndexes")
            let expected: JSON = .array(
                (refusal?.recordIndexes ?? []).map { .integer(Int64($0)) }
            )
            return indexes == expected ? .equal : .differs("record error indexes \(expected)")
        }
        let isRefusal = ours == .corruptMessage || ours == .invalidRecord
        if isRefusal, code == Self.unknownServerError || (code == .none && !isReadable) {
            return .statedDeviation
        }
        return .differs(
            "produce answers \(code.rawValue), ours \(ours.rawValue) \(refusal?.message ?? "")"
        )
    }

    private mutating func refusal(of sent: [UInt8]) -> ProduceRefusal? {
        sent.withUnsafeBytes { bytes in
            do throws(ProduceRefusal) {
                _ = try ProduceValidator.validate(
                    bytes,
                    rules: rules,
                    decompressor: &decompressor
                )
                return nil
            } catch {
                return error
            }
        }
    }
}
