public import Streams

/// What a test may want to know of records that did not make it.
extension TestEngine {
    /// Results that policies left out, since the start of the job.
    public var skippedCount: Int64 { driver.counters.recordsSkipped }

    /// Records that operators dropped for a reason, since the start of the job.
    public func droppedCount(_ reason: DropReason) -> Int64 { driver.counters.drops[reason] }

    /// The committed dead letters that were not read before.
    ///
    /// - Parameter topic: where the policies send them; the job's own topic if nil.
    public func readDeadLetters(of topic: String? = nil) throws -> [TestDeadLetter] {
        let name = topic ?? InternalNames(job: Job.name).deadLetterTopic
        return try driver.read(name).map { record in
            var headers: [String: String] = [:]
            for header in record.headers {
                headers[header.name] = header.value.map { String(decoding: $0, as: UTF8.self) }
            }
            return TestDeadLetter(key: record.key, value: record.value, headers: headers)
        }
    }
}

/// A dead letter as a test reads it.
public struct TestDeadLetter: Equatable, Sendable {
    /// The record's key as it came.
    public let key: [UInt8]?
    /// The record's value as it came.
    public let value: [UInt8]?
    /// The headers by name (`DeadLetterHeader`), the last of a name.
    public let headers: [String: String]
}
