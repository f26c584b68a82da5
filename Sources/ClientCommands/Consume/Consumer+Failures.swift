import LogModel
import Terminal

/// A partition cannot be read on; the others can.
struct DamageFound: Error {
    let failure: CommandFailure
}

/// What is said of partitions that are not read, or not whole.
extension Consumer {
    /// Reads the other partitions on. The error comes at the end; who waits for more learns of it
    /// at once. The first is told as the error that it ends with.
    mutating func setAside(_ partition: TopicPartition, _ failure: CommandFailure) {
        partitions.removeAll { $0 == partition }
        failures.append((partition, failure))
        let isLast = unfinished.isEmpty
        guard !isLast || failures.count > 1 else { return }
        Self.warn(failure, isLast ? "" : "; the other partitions are read on")
    }

    /// Goes on at `next`, and tells what is left out.
    mutating func leaveOut(
        _ partition: TopicPartition,
        to next: Regained,
        _ failure: CommandFailure
    ) {
        let first = (positions[partition] ?? .zero).rawValue
        let last = next.begin.rawValue - 1
        positions[partition] = next.begin
        passedOver[partition] = nil
        if next.from != next.begin { regained[partition] = next.from }
        var failure = failure
        failure.what =
            first == last
            ? "\(partition): offset \(first) is damaged and was left out"
            : "\(partition): offsets \(first) to \(last) are damaged and were left out"
        failures.append((partition, failure))
        TextOutput.error.write(
            "warning: \(failure.what)\(failure.reason.map { ": \($0)" } ?? "")\n"
        )
    }

    /// Fails where something of the chosen partitions was not read, or cannot be seen: what is not
    /// seen of one must not pass for its end. Each that was not named before is.
    borrowing func conclude() throws(CommandFailure) {
        var failure = failures.first?.failure
        let told = Set(failures.map(\.partition))
        for (partition, fault) in log.faults(of: chosen) {
            // What the log knows of the damage is more than what a reader met.
            if let first = failures.first, first.partition == partition, !plan.skipsDamage,
                fault.next != nil
            {
                failure = fault
            }
            guard !told.contains(partition) else { continue }
            // Of those that were not read at all it was told when reading began.
            if failure != nil, positions[partition] != nil { Self.warn(fault, "") }
            failure = failure ?? fault
        }
        if let failure { throw failure }
    }

    private static func warn(_ failure: CommandFailure, _ end: String) {
        TextOutput.error.write(failure.warning(end) + "\n")
    }
}
