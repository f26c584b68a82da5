import DirectoryAccess
import LogClient
import LogModel
import Terminal

/// When it is looked again for what was chosen: topics get more partitions, and an expression may
/// match topics that are made later.
struct ChosenShape {
    /// As soon as that a record in a new partition is printed, at the latest.
    static let interval = Duration.seconds(5)

    /// What is chosen now, as far as it is told.
    let now: () -> [TopicPartition]
    private var last: UInt64

    /// - Parameter time: nanoseconds of a clock that only goes forward, as in the other call.
    init(at time: UInt64, now: @escaping () -> [TopicPartition]) {
        last = time
        self.now = now
    }

    /// Whether it is time; the next time counts from this one.
    mutating func isDue(at time: UInt64) -> Bool {
        guard time >= last, Duration.nanoseconds(Int64(clamping: time - last)) >= Self.interval
        else { return false }
        last = time
        return true
    }
}

/// Partitions that came since reading began.
extension Consumer {
    /// Takes those that came since, where more is waited for: from their beginning wherever the
    /// others began, for all in them is news; a group goes on at a position that it has in them,
    /// unless that may be of a topic of the name that was deleted meanwhile.
    ///
    /// - Returns: whether any came.
    @discardableResult
    mutating func takeNewPartitions(atOnce: Bool = false) throws -> Bool {
        guard !plan.endsAtEnd, shape.isDue(at: time.monotonicNanoseconds()) || atOnce else {
            return false
        }
        var isAny = false
        let known = Set(chosen)
        for partition in shape.now() where !known.contains(partition) {
            // One that nobody leads yet is taken the next time.
            guard let bounds = try? log.bounds(of: partition) else { continue }
            var position: Offset?
            if let group = plan.group {
                let committed = try log.committedOffsets(group: group, partitions: [partition])
                if goneTopics.contains(partition.topic) {
                    progress.beginAnew(partition, at: committed[partition])
                } else {
                    progress.begin(with: committed, at: time.monotonicNanoseconds())
                    position = committed[partition]
                }
            }
            let begin = max(position ?? .zero, bounds.logStart)
            positions[partition] = begin
            chosen.append(partition)
            partitions.append(partition)
            TextOutput.error.write(
                "note: \(partition) is new, and is read from offset \(begin.rawValue) on\n"
            )
            isAny = true
        }
        return isAny
    }
}
