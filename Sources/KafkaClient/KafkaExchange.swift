import KafkaRecords
package import KafkaWire

/// What carries a request to one node and its answer back: a connection, or the log of this very
/// process. Used by one thread.
package protocol KafkaExchange: AnyObject {
    /// The body of the answer to a request, and the version that both have; one at a time.
    func exchange(
        _ api: WireAPI,
        among versions: ClosedRange<Int16>,
        patience: Duration,
        body: (Int16) throws(KafkaClientError) -> [UInt8]
    ) throws(KafkaClientError) -> (body: [UInt8], start: Int, version: Int16)

    /// Whether the other end has ended it while an answer was waited for.
    var wasClosed: Bool { get }
    /// Nothing can be asked by it any more: another is to be made.
    var isBroken: Bool { get }
    var address: KafkaAddress { get }
}

extension KafkaExchange {
    package var wasClosed: Bool { false }

    /// Sends a request and waits for its answer. `make` is told the version, for there are fields
    /// that not all versions have; none above `newest` is used.
    package func ask<Request: KafkaRequest>(
        patience: Duration,
        upTo newest: Int16 = .max,
        _ make: (Int16) -> Request
    ) throws(KafkaClientError) -> Request.Response {
        let name = Request.api.name
        let used = Request.usedVersions
        let answer = try exchange(
            Request.api,
            among: used.lowerBound...max(used.lowerBound, min(used.upperBound, newest)),
            patience: patience
        ) { version throws(KafkaClientError) in
            do { return try make(version).encoded(version: version) } catch {
                throw .unwritable(request: name)
            }
        }
        do {
            return try ClientFrame.decode(
                answer.body,
                from: answer.start,
                version: answer.version
            )
        } catch {
            throw .nonsense(address, "the answer to \(name) cannot be read")
        }
    }
}
