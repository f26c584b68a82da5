package import LogModel

/// What is written, and what becomes of it.
extension ConsumerGroup {
    /// The records of all that has changed since they were taken last, in an order in which a log
    /// that ends anywhere tells of no partition with two owners.
    package mutating func takeRecords() -> [ConsumerGroupRecord] {
        guard !unwritten.isEmpty else { return [] }
        defer { unwritten = [] }
        return records(of: unwritten)
    }

    /// They could not be written: they are written with what comes next.
    package mutating func storingFailed(_ records: [ConsumerGroupRecord]) {
        for record in records where record.group == id {
            switch record {
            case .group: unwritten.insert(.group)
            case .targetEpoch: unwritten.insert(.targetEpoch)
            case .member(_, let memberID, _): unwritten.insert(.member(memberID))
            case .target(_, let memberID, _): unwritten.insert(.target(memberID))
            case .current(_, let memberID, _): unwritten.insert(.current(memberID))
            }
        }
    }

    /// The tombstones of the group and of all that belongs to it.
    package var tombstones: [ConsumerGroupRecord] {
        var gone = self
        for memberID in members.keys { gone.remove(memberID) }
        var records = gone.records(of: gone.unwritten.subtracting([.group, .targetEpoch]))
        records.append(.targetEpoch(id, nil))
        records.append(.group(id, nil))
        return records
    }

    private func records(of keys: Set<RecordKey>) -> [ConsumerGroupRecord] {
        keys.map { (rank: rank(of: $0), record: record(of: $0)) }
            .sorted { $0.rank < $1.rank }
            .map(\.record)
    }

    /// Who is gone lets go first, and who is there takes last.
    private func rank(of key: RecordKey) -> (Int, String) {
        switch key {
        case .current(let memberID): (members[memberID] == nil ? 0 : 7, memberID)
        case .target(let memberID): (members[memberID] == nil ? 1 : 5, memberID)
        case .member(let memberID): (members[memberID] == nil ? 2 : 3, memberID)
        case .group: (4, "")
        case .targetEpoch: (6, "")
        }
    }

    private func record(of key: RecordKey) -> ConsumerGroupRecord {
        switch key {
        case .group:
            .group(id, .init(epoch: epoch, subscriptionHash: subscriptionHash))
        case .targetEpoch: .targetEpoch(id, .init(epoch: targetEpoch, time: targetTime))
        case .member(let memberID):
            .member(id, id: memberID, members[memberID]?.subscription)
        case .target(let memberID): .target(id, id: memberID, targets[memberID])
        case .current(let memberID):
            .current(id, id: memberID, members[memberID]?.assignment)
        }
    }
}

/// What the records of a group say together, in whatever order compaction left them.
package struct ConsumerGroupReplay: Equatable, Sendable {
    private var state: ConsumerGroupRecord.State?
    private var target: ConsumerGroupRecord.Target?
    private var subscriptions: [String: ConsumerSubscription] = [:]
    private var targets: [String: Set<AssignedPartition>] = [:]
    private var assignments: [String: MemberAssignment] = [:]

    package init() {}

    package mutating func apply(_ record: ConsumerGroupRecord) {
        switch record {
        case .group(_, let state): self.state = state
        case .targetEpoch(_, let target): self.target = target
        case .member(_, let memberID, let value): subscriptions[memberID] = value
        case .target(_, let memberID, let value): targets[memberID] = value
        case .current(_, let memberID, let value): assignments[memberID] = value
        }
    }

    /// The group as it stands then, every member with a whole session to be heard of; nil if there
    /// is none any more.
    package func group(
        id: String,
        settings: GroupSettings,
        now: Moment,
        wallTime: Timestamp
    ) -> ConsumerGroup? {
        guard state != nil || !subscriptions.isEmpty else { return nil }
        var group = ConsumerGroup(id: id, settings: settings, wallTime: wallTime)
        let epochs = [state?.epoch, target?.epoch] + assignments.values.map(\.epoch)
        group.epoch = epochs.compactMap(\.self).reduce(group.epoch, max)
        group.subscriptionHash = state?.subscriptionHash ?? 0
        group.targetEpoch = min(target?.epoch ?? group.targetEpoch, group.epoch)
        group.targetTime = target?.time ?? group.targetTime
        var targeted: Set<AssignedPartition> = []
        var isWhole = true
        for (memberID, subscription) in subscriptions.sorted(by: { $0.key < $1.key }) {
            var member = ConsumerGroupMember(
                id: memberID,
                sessionDeadline: now.advanced(
                    byMilliseconds: settings.consumerSessionMilliseconds
                )
            )
            member.subscription = subscription
            member.assignment = assignments[memberID] ?? MemberAssignment()
            guard group.canTake(member) else {
                // No coordinator wrote this. The member learns of it and joins again.
                group.unwritten.formUnion([
                    .current(memberID), .target(memberID), .member(memberID),
                ])
                isWhole = false
                continue
            }
            if member.assignment.state == .unrevoked {
                member.revocationDeadline = now.advanced(
                    byMilliseconds: subscription.rebalanceMilliseconds
                )
            }
            group.put(member)
            if let target = targets[memberID] {
                let own = target.subtracting(targeted)
                targeted.formUnion(own)
                group.targets[memberID] = own
                if own.count < target.count { isWhole = false }
            }
        }
        group.unwritten.subtract(group.members.keys.flatMap { [.member($0), .current($0)] })
        if !isWhole { group.raiseEpoch(group.subscriptionHash) }
        return group
    }
}

extension ConsumerGroup {
    /// Whether a member from the log contradicts none that is there.
    fileprivate func canTake(_ member: ConsumerGroupMember) -> Bool {
        let assignment = member.assignment
        if let instanceID = member.subscription.instanceID, memberOfInstance[instanceID] != nil {
            return false
        }
        let held = assignment.held
        return assignment.epoch <= targetEpoch && Set(held).count == held.count
            && held.allSatisfy { owners[$0] == nil }
            && (assignment.state != .unrevoked || !assignment.revoking.isEmpty
                || assignment.epoch == .leavingForNow)
    }
}
