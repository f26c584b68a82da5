import LogClient
import LogModel
import StateStores
import Streams

/// No policy of a job applies to what fails in the log.
extension LogClientError: EngineFailure {}

extension LogClientError {
    /// A store without room: its disk is the log's.
    init(full error: StoreError) { self = .full("\(error.path): \(error.message)") }
}

/// What the errors of the layers below mean to the owner of a job.
extension StreamsError {
    init(_ reason: CommitCycle.Stop) {
        switch reason {
        case .fenced(let text): self.init(code: .fenced, message: text)
        case .failed(let error): self.init(ofLog: error)
        }
    }

    /// What the log refused.
    init(ofLog error: any Error) {
        self.init(code: .log, message: "\(error)", cause: error as? LogClientError)
    }

    /// What a store could not do.
    init(ofStore error: StoreError) {
        let cause: LogClientError? = error.code == .full ? LogClientError(full: error) : nil
        self.init(code: .store, message: "\(error)", cause: cause)
    }

    /// What stops the job because of a record, with the record's place; errors of the log and of
    /// stores are no record's and stay what they are.
    static func ofRecord(
        _ error: any Error,
        at partition: TopicPartition,
        offset: Offset
    ) -> any Error {
        let place =
            "topic \(partition.topic), partition \(partition.partition.rawValue), "
            + "offset \(offset.rawValue)"
        switch error {
        case is LogClientError, is StoreError, is TransactionTakenBack: return error
        case let held as HeldRecordFailure:
            let own = TopicPartition(held.topic ?? partition.topic, partition.partition)
            return ofRecord(held.failure, at: own, offset: held.offset)
        case let failure as DecodeFailure:
            return StreamsError(
                code: .decode,
                message: "\(place): \(failure). Nothing of it was processed; "
                    + "--on-decode-error skip leaves such records out"
            )
        case let failure as RecordFailure where failure.kind == .decode:
            return StreamsError(
                code: .decode,
                message: "\(place), \(failure). Nothing of it was processed; "
                    + "--on-decode-error skip leaves such records out"
            )
        case let failure as RecordFailure:
            return StreamsError(code: .processing, message: "\(place), \(failure)")
        default: return StreamsError(code: .processing, message: "\(place): \(error)")
        }
    }

    /// Runs `body`, making every error one of this module's.
    static func translating(_ body: () throws -> Void) throws(StreamsError) {
        do { try body() } catch let error as StreamsError {
            throw error
        } catch let error as LogClientError {
            if case .fenced(let text) = error { throw StreamsError(code: .fenced, message: text) }
            throw StreamsError(ofLog: error)
        } catch let error as StoreError {
            throw StreamsError(ofStore: error)
        } catch {
            throw StreamsError(code: .processing, message: "\(error)")
        }
    }
}

extension Topology {
    /// The topics that it writes to beside its results: changelogs, repartitions, dead letters.
    var topicsBesideResults: Set<String> {
        let names = specification.names
        return Set(
            specification.subtopologies.flatMap { part in
                part.stores.map { names.changelogTopic(store: $0.name) }
                    + part.repartitions.map(names.repartitionTopic(via:))
            } + specification.deadLetterTopics
        )
    }
}
