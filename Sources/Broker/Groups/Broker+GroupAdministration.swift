package import Coordination
import LogModel
import LogStorage
import Threads

/// Groups as tools see and change them.
extension Broker {
    /// A group that has members, had some, or has positions; nil where there is none.
    package func describeGroup(_ id: String) throws(BrokerError) -> GroupDescription? {
        guard let shard = try existingOffsetShard(of: id) else { return nil }
        if let unavailability = shard.unavailability { throw unavailability }
        let (classic, consumers) = shard.groups.withLock { ($0.groups[id], $0.consumers[id]) }
        if let consumers { return GroupDescription(consumers) }
        if let classic, !classic.isUntouched { return classic.description }
        return try hasPositions(of: id, in: shard) ? GroupDescription(positionsOf: id) : nil
    }

    /// All groups, sorted.
    package func listGroups() -> [GroupDescription] {
        var found: [ExactText: GroupDescription] = [:]
        for shard in offsetShards.withLock({ $0 }) where shard.unavailability == nil {
            for id in (try? shard.withOffsets { $0.groupsWithPending }) ?? [] {
                found[id] = GroupDescription(positionsOf: id.text)
            }
            for group in shard.groups.withLock({ Array($0.groups.values) })
            where !group.isUntouched {
                found[group.id] = group.description
            }
            for group in shard.groups.withLock({ Array($0.consumers.values) }) {
                found[group.id] = GroupDescription(group)
            }
        }
        return found.values.sorted { $0.id < $1.id }
    }

    /// Whether the log knows positions of the group, those that an open transaction holds among
    /// them.
    func hasPositions(of id: String, in shard: OffsetShard) throws(BrokerError) -> Bool {
        try shard.withOffsets { $0.knows(id) }
    }

    /// Whether somebody outside may not touch this group: it is a job's, whose positions are half
    /// of its state.
    package func isJobGroup(_ id: String) -> Bool {
        if liveGroups.withLock({ $0[id] != nil }) { return true }
        // Every job has a first thread; a client of that name is no job.
        if describeTransaction("\(id)-0")?.isRemote == false { return true }
        return jobsWithTopics.contains(id)
    }

    /// Whether a transactional id is that of a job's thread: whoever took it would fence the job.
    package func isJobTransaction(_ id: String) -> Bool {
        guard describeTransaction(id)?.isRemote == false, let dash = id.lastIndex(of: "-") else {
            return false
        }
        return isJobGroup(String(id[..<dash]))
    }
}
