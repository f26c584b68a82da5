// The API that StreamsRuntime/Input/CommittedReader.swift calls; the formats engineer replaces this file.
public struct DecompressionBuffer: ~Copyable {
    public init() {}
    public mutating func records(of b: RecordBatchView) throws -> RecordIterator { try b.records() }
}
public enum ControlRecord { public static func transactionResult(of b: RecordBatchView) -> TransactionResult? { nil } }
