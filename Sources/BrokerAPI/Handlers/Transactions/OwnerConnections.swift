import Coordination
import LogModel

/// Over which connection the owner of each transactional id last changed its transaction.
///
/// A request of transaction version 1 does not say which transaction it means: one that was held up
/// on its way, while its sender connected anew and went on, would act on the next one
/// (KAFKA-17754). Such a request comes on an older connection than one that was already used, and
/// is not carried out.
struct OwnerConnections: Sendable {
    private struct Owner: Sendable {
        var producerID: ProducerID
        var epoch: ProducerEpoch
        var connection: UInt64
    }

    private var owners: [ExactText: Owner] = [:]

    /// Beyond so many ids nothing is remembered of those before.
    static let limit = 100_000

    /// Whether the request was sent before others that are done, or under way.
    mutating func isDelayed(
        _ transactionalID: String,
        _ producerID: ProducerID,
        _ epoch: ProducerEpoch,
        on connection: UInt64
    ) -> Bool {
        guard let owner = owners[transactionalID], owner.producerID == producerID,
            owner.epoch == epoch
        else { return false }
        // What comes on older ones from here on would be carried out behind this one.
        owners[transactionalID]?.connection = max(connection, owner.connection)
        return connection < owner.connection
    }

    /// A request was carried out.
    mutating func note(
        _ transactionalID: String,
        _ producerID: ProducerID,
        _ epoch: ProducerEpoch,
        on connection: UInt64
    ) {
        if owners.count >= Self.limit, owners[transactionalID] == nil { owners = [:] }
        let known = owners[transactionalID]
        let isSame = known?.producerID == producerID && known?.epoch == epoch
        owners[transactionalID] = Owner(
            producerID: producerID,
            epoch: epoch,
            connection: isSame ? max(connection, known?.connection ?? 0) : connection
        )
    }
}
