package import LogModel
package import LogStorage

/// Whether a partition can be used, once it was opened.
package enum PartitionHealth: Equatable, Sendable {
    case good
    /// A tail that was never acknowledged was cut.
    case cut(RecoveryReport.Cut)
    /// Readable up to the damage, and takes no more.
    case damaged(RecoveryReport.Damage)
    /// Takes no more; the reason.
    case readOnly(String)
    /// It cannot be opened; the reason.
    case offline(String)
}

extension PartitionHealth {
    /// Why the partition takes no more; nil where it does.
    package var trouble: PartitionTrouble? {
        switch self {
        case .good, .cut: nil
        case .damaged(let damage):
            PartitionTrouble(
                isOffline: false,
                reason:
                    "damaged from offset \(damage.offset.rawValue) on, in \(damage.file) at byte "
                    + "\(damage.position): \(damage.reason)"
            )
        case .readOnly(let reason): PartitionTrouble(isOffline: false, reason: reason)
        case .offline(let reason): PartitionTrouble(isOffline: true, reason: reason)
        }
    }
}

extension Partition {
    /// Opens the partition, if it can be opened, and says how it is.
    package var health: PartitionHealth {
        do throws(LogStorageError) { _ = try log.activeProducers } catch {
            return .offline(
                log.offlineReason ?? BrokerError(error, in: name.description).description
            )
        }
        return knownHealth
    }

    /// How the partition is, as far as that is known without opening it.
    package var knownHealth: PartitionHealth {
        if let reason = log.offlineReason { return .offline(reason) }
        if let damage = log.recoveryReport?.damage { return .damaged(damage) }
        if let reason = log.readOnlyReason { return .readOnly(reason) }
        return log.recoveryReport?.cut.map { .cut($0) } ?? .good
    }
}
