package import LogModel
package import LogStorage

extension Partition {
    /// Refuses what lies at or behind damage, or in front of what is left.
    /// With an isolation level's `end` what lies behind that is never shown either: it takes no
    /// marker.
    package func refuseDamaged(
        at offset: Offset,
        _ bounds: LogBounds,
        end: Offset? = nil
    ) throws(BrokerError) {
        guard let damage = log.recoveryReport?.damage,
            damage.lacksBegin
                ? offset < bounds.logStart : offset >= end ?? bounds.highWatermark
        else { return }
        throw .corrupt("\(name) is damaged: \(damage.reason)")
    }
}

/// What clients ask of a partition's leader epochs and times.
extension Partition {
    /// The epoch in which the next batch is written; -1 where nobody has looked: a log that was
    /// imported may have any.
    package var knownLeaderEpoch: LeaderEpoch { log.knownLeaderEpoch ?? LeaderEpoch(-1) }

    /// Kafka's answer to a client that believes in this epoch; -1 where it says nothing of it.
    package func refusal(ofLeaderEpoch epoch: Int32) -> KafkaErrorCode {
        if epoch < -1 { return .fencedLeaderEpoch }
        guard epoch >= 0, let latest = log.knownLeaderEpoch?.rawValue else { return .none }
        if epoch == latest { return .none }
        return epoch < latest ? .fencedLeaderEpoch : .unknownLeaderEpoch
    }

    /// The epoch of the record at an offset.
    package func leaderEpoch(at offset: Offset) -> LeaderEpoch {
        log.leaderEpoch(at: offset) ?? knownLeaderEpoch
    }

    /// The latest epoch that is not above `epoch`, and where its records end; of one before all
    /// that are known, where the first one begins. Nil of one that nobody wrote in yet, and of -1.
    package func end(
        of epoch: LeaderEpoch
    ) throws(BrokerError) -> (epoch: LeaderEpoch, end: Offset)? {
        try storing(name.description) { () throws(LogStorageError) in try log.end(of: epoch) }
    }

    /// The first record with the largest timestamp.
    package func largestTimestamp(
        isolation: IsolationLevel
    ) throws(BrokerError) -> (offset: Offset, timestamp: Timestamp)? {
        try storing(name.description) { () throws(LogStorageError) in
            try log.largestTimestamp(isolation: isolation)
        }
    }

    /// The first record at or after a time.
    package func record(
        atOrAfter timestamp: Timestamp,
        isolation: IsolationLevel
    ) throws(BrokerError) -> (offset: Offset, timestamp: Timestamp)? {
        try storing(name.description) { () throws(LogStorageError) in
            try log.record(atOrAfter: timestamp, isolation: isolation)
        }
    }
}
