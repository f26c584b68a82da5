import Bytes
import LogModel

/// What should be assigned.
extension ConsumerGroup {
    /// The topics that a member subscribes to, whether or not there are such.
    func topicNames(of subscription: ConsumerSubscription) -> Set<String> {
        var names = Set(subscription.topicNames)
        if let found = matches[subscription.pattern] { names.formUnion(found.names) }
        return names
    }

    /// All topics that members subscribe to.
    package var subscribedTopics: Set<String> {
        members.values.reduce(into: []) { $0.formUnion(topicNames(of: $1.subscription)) }
    }

    /// Raises the epoch if the target of the last one is not what it should be any more.
    mutating func raiseEpoch(ifChanged isChanged: Bool, _ topics: TopicImage) {
        // Another request may have brought later ones already.
        guard isChanged || topicVersion.map({ $0 < topics.version }) ?? true else { return }
        look(at: topics)
        let hash = topics.hash(of: subscribedTopics)
        if isChanged || hash != subscriptionHash { raiseEpoch(hash) }
    }

    mutating func raiseEpoch(_ hash: Int64) {
        epoch = epoch.next
        subscriptionHash = hash
        unwritten.insert(.group)
    }

    /// Finds out what patterns match, where they or the topics are others than last time.
    mutating func look(at topics: TopicImage) {
        let patterns = Set(members.values.map(\.subscription.pattern)).subtracting([""])
        matches = matches.filter { patterns.contains($0.key) }
        for text in patterns {
            if matches[text] != nil {
                if topics.version != topicVersion { matches[text]?.look(at: topics) }
            } else if let pattern = try? TopicPattern(text) {
                // One that cannot be read is in the log of another broker alone: it matches
                // nothing.
                matches[text] = PatternMatches(pattern, in: topics)
            }
        }
        topicVersion = topics.version
    }

    /// Makes the target assignment for the group's epoch.
    mutating func retarget(_ topics: TopicImage, _ wallTime: Timestamp) {
        // With topics of an earlier time than the epoch's it would never be made again.
        guard targetEpoch < epoch, topicVersion.map({ $0 <= topics.version }) ?? true else {
            return
        }
        var counts: [UniqueID: Int32] = [:]
        for name in subscribedTopics {
            if let shape = topics.topics[name] { counts[shape.id] = shape.partitionCount }
        }
        let assignable = members.values.map { member in
            let ids = topicNames(of: member.subscription).compactMap { topics.topics[$0]?.id }
            return GroupAssignor.Member(
                id: member.id,
                instanceID: member.subscription.instanceID,
                topics: Set(ids),
                current: targets[member.id] ?? []
            )
        }
        let assigned = assignor.assign(assignable, partitionCounts: counts)
        for memberID in members.keys {
            let target = assigned[memberID] ?? []
            guard targets[memberID] != target else { continue }
            targets[memberID] = target
            unwritten.insert(.target(memberID))
        }
        targetEpoch = epoch
        targetTime = wallTime
        unwritten.insert(.targetEpoch)
    }

    /// What most members ask for; the first by name of several.
    var assignor: GroupAssignor {
        var votes: [String: Int] = [:]
        for member in members.values {
            if let name = member.subscription.assignor { votes[name, default: 0] += 1 }
        }
        let most = votes.values.max()
        let name = votes.keys.sorted().first { votes[$0] == most }
        return name.flatMap { GroupAssignor(name: $0) } ?? .uniform
    }
}
