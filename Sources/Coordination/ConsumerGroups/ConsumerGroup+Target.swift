import Bytes
import LogModel

/// What should be assigned.
extension ConsumerGroup {
    /// The topics that a member subscribes to, whether or not there are such, without what its
    /// pattern finds and it may not know of: nobody would read that.
    func topicNames(of member: ConsumerGroupMember) -> Set<String> {
        // A name that is none would be found as the topic that Unicode calls equal to it.
        var names = Set(
            member.subscription.topicNames.filter { TopicName.problem(with: $0) == nil }
        )
        if let found = matches[member.subscription.pattern] {
            names.formUnion(found.names.subtracting(hidden[member.id] ?? []))
        }
        return names
    }

    /// All topics that members subscribe to.
    package var subscribedTopics: Set<String> {
        members.values.reduce(into: []) { $0.formUnion(topicNames(of: $1)) }
    }

    /// Raises the epoch if the target of the last one is not what it should be any more.
    mutating func raiseEpoch(ifChanged isChanged: Bool, _ topics: TopicImage) {
        // Another request may have brought later ones already.
        guard isChanged || topicVersion.map({ $0 < topics.version }) ?? true else { return }
        look(at: topics)
        let hash = topics.hash(of: subscribedTopics)
        if isChanged || hash != subscriptionHash { raiseEpoch(hash) }
    }

    /// The same behind what a member said, who may know of some topics alone where `mayDescribe` is
    /// given.
    mutating func raiseEpoch(
        ifChanged isChanged: Bool,
        by member: ConsumerGroupMember,
        _ topics: TopicImage,
        _ mayDescribe: ((String) -> Bool)?
    ) {
        let wasUnknown = hasUnheardPattern
        let isOther = hide(from: member, topics, mayDescribe)
        // Topics may have come while that was waited for.
        if wasUnknown, !hasUnheardPattern { topicVersion = nil }
        // Before the others have told what they may not know of, as behind a restart, it would be
        // assigned to them.
        guard mayDescribe == nil || isChanged || isOther || !hasUnheardPattern else {
            if topicVersion.map({ $0 < topics.version }) ?? true { look(at: topics) }
            return
        }
        raiseEpoch(ifChanged: isChanged || isOther, topics)
    }

    /// Whether there is a member with a pattern of which it is not known what it may not know of.
    private var hasUnheardPattern: Bool {
        members.values.contains { !$0.subscription.pattern.isEmpty && hidden[$0.id] == nil }
    }

    /// Takes note of what a member's pattern finds and it may not know of; whether the member is to
    /// have less by that, or may have more.
    private mutating func hide(
        from member: ConsumerGroupMember,
        _ topics: TopicImage,
        _ mayDescribe: ((String) -> Bool)?
    ) -> Bool {
        let before = hidden[member.id]
        let pattern = member.subscription.pattern
        var found: Set<String> = []
        if mayDescribe != nil, !pattern.isEmpty {
            let isLookedAt = topicVersion.map { $0 >= topics.version } ?? false
            let known = isLookedAt ? matches[pattern]?.names : nil
            found = known ?? Self.names(matching: pattern, in: topics)
        }
        // Whether it may know of those that it names was asked when it named them.
        found.subtract(member.subscription.topicNames)
        let names = found.filter { !(mayDescribe?($0) ?? true) }
        hidden[member.id] = names
        let ids = Set(names.compactMap { topics.topics[$0]?.id })
        let isTargeted = targets[member.id]?.contains { ids.contains($0.topicID) } ?? false
        let isShown = before.map { !$0.subtracting(names).isDisjoint(with: found) } ?? false
        return isTargeted || isShown
    }

    /// One that cannot be read is in the log of another broker alone: it matches nothing.
    private static func names(matching pattern: String, in topics: TopicImage) -> Set<String> {
        (try? TopicPattern(pattern)).map { PatternMatches($0, in: topics).names } ?? []
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
            GroupAssignor.Member(
                id: member.id,
                instanceID: member.subscription.instanceID,
                topics: topics.ids(of: topicNames(of: member)),
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
