package import LogModel
package import LogStorage

/// One place of a Kafka directory that is not as it should be, or worth knowing.
package struct KafkaFinding: Equatable, Sendable {
    package enum Severity: Equatable, Sendable {
        /// Bytes that a broker stored are gone or changed.
        case damage
        /// What a broker that was killed, or its cleaner, leaves behind.
        case note
    }

    package var severity: Severity
    package var partition: TopicPartition
    /// The path of the file.
    package var file: String
    /// The byte in the file, where the finding has one place.
    package var position: Int64?
    /// The offset in the log.
    package var offset: Offset?
    package var reason: String
}

extension KafkaFinding {
    /// A partition that the disk does not give.
    package static func unreadable(
        _ partition: KafkaPartition,
        _ error: DiskError
    ) -> KafkaFinding {
        KafkaFinding(
            severity: .damage,
            partition: partition.name,
            file: partition.path,
            reason: "it cannot be read: \(error.words)"
        )
    }

    /// A transaction that is open for ever, as its coordinator has it.
    package static func lostEnd(
        of producer: ProducerID,
        at first: Offset,
        in partition: KafkaPartition
    ) -> KafkaFinding {
        KafkaFinding(
            severity: .damage,
            partition: partition.name,
            file: partition.path,
            offset: first,
            reason: "a transaction of producer \(producer.rawValue) begins here and has no end, "
                + "and __transaction_state says that all of this producer's have ended: its marker "
                + "is lost, or what was noted there since, or a record came in behind its marker; "
                + "nothing tells whether its records are committed"
        )
    }
}

extension KafkaFinding: CustomStringConvertible {
    /// `damage: t-0: /d/t-0/0….log, byte 70, offset 1: the checksum is …`
    package var description: String {
        var line = severity == .damage ? "damage: " : "note: "
        line += "\(partition): \(file)"
        if let position { line += ", byte \(position)" }
        if let offset { line += ", offset \(offset.rawValue)" }
        return "\(line): \(reason)"
    }
}
