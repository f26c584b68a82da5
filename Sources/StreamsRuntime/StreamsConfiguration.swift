package import LogClient
import Streams

/// How a job runs; every option with its default.
package struct StreamsConfiguration: Equatable, Sendable {
    /// Stream threads; tasks are dealt out among them.
    package var threadCount = 1
    /// Commit at the latest after this time, 100 ms by default.
    package var commitIntervalMilliseconds: Int64 = 100
    /// Commit at the latest after so many records.
    package var commitRecordLimit: Int64 = .max
    /// Commit at the latest after so many bytes of output and changelog.
    package var commitByteLimit: Int64 = 256 << 20
    /// What a fetch reads of one partition: 512 KiB, the batch that a job writes. With what comes
    /// of it that stays in the second cache of a processor; more was slower.
    package var fetchByteCount = 512 << 10
    /// What an output batch aims at: 512 KiB, half of what topics accept by default.
    package var batchByteLimit = 512 << 10
    /// Write committed values to the store's disk after this time.
    package var checkpointIntervalMilliseconds: Int64 = 5_000
    /// The memory that all stores of the job share: 1 GiB.
    package var memoryByteCount = 1 << 30
    /// Checkpoints run in the stepping thread instead of one of their own: for simulations.
    package var checkpointsInline = false
    /// A record that a serde refuses, in place of what the job says; nil leaves it to the job.
    package var onDecodeError: DecodeErrorPolicy?
    /// Delete what was consumed of repartition topics after this time.
    package var repartitionPurgeIntervalMilliseconds: Int64 = 30_000

    /// The options with which a command that a message names reaches the job's log.
    package var commandOptions = Self.commandOptions

    /// What a person puts in their own log's place.
    package static let commandOptions = "--data DIR"

    package init() {}

    /// How long a transaction may stay open before the log aborts it: a minute, or as long again
    /// as the commit interval, up to what logs allow (`transaction.max.timeout.ms`).
    package var transactionTimeoutMilliseconds: Int64 {
        let interval = min(commitIntervalMilliseconds, Self.longestCommitIntervalMilliseconds)
        return min(max(60_000, 2 * interval), Self.longestTransactionTimeoutMilliseconds)
    }

    /// What becomes of records that an operator of a job cannot handle.
    func errorPlan(of topology: Topology) -> ErrorPlan {
        switch onDecodeError {
        case nil: topology.errors
        case .stop: topology.errors.decoding(.fail)
        case .skip: topology.errors.decoding(.skip)
        }
    }

    /// The transactional id of a thread, by its number: the same at every start.
    package static func transactionalID(job: String, slot: Int) -> String { "\(job)-\(slot)" }

    package static let longestTransactionTimeoutMilliseconds: Int64 = 900_000
    /// A commit has to begin before its transaction is aborted, and takes its time.
    package static let longestCommitIntervalMilliseconds: Int64 = 840_000
}

/// What to do with a record whose key or value its serde refuses.
package enum DecodeErrorPolicy: String, Equatable, Sendable, CaseIterable {
    /// Stop the job and name the record.
    case stop
    /// Leave the record out and count it.
    case skip
}

/// Why a job cannot start or go on.
package struct StreamsError: Error, Equatable, CustomStringConvertible, Sendable {
    package enum Code: Equatable, Sendable {
        case topology, decode, processing, fenced, log, store
        /// A stop was asked for before the job began to process: no failure.
        case stopped
    }
    package let code: Code
    package let message: String
    /// What the log said, where it was the log; a store without room says what a log without room
    /// does.
    package let cause: LogClientError?
    package init(code: Code, message: String, cause: LogClientError? = nil) {
        self.code = code
        self.message = message
        self.cause = cause
    }
    package var description: String { message }
}
