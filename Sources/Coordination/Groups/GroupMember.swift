/// One way to assign partitions that a member knows, and what it tells the leader for it.
package struct GroupProtocol: Equatable, Sendable {
    package var name: String
    package var metadata: [UInt8]

    package init(name: String, metadata: [UInt8]) {
        self.name = name
        self.metadata = metadata
    }
}

/// Names a request that waits for its answer.
package struct GroupReplyToken: Hashable, Sendable {
    package let number: UInt64

    package init(number: UInt64) {
        self.number = number
    }
}

/// A member of a classic group.
package struct GroupMember: Equatable, Sendable {
    /// What the member waits for; nothing else of it is looked at by the clock meanwhile.
    enum Waiting: Equatable, Sendable {
        case nothing
        case join(GroupReplyToken)
        case sync(GroupReplyToken)
    }

    package var id: String
    /// Of a static member, which keeps its place when it comes back under another id.
    package var instanceID: String?
    package var clientID: String
    package var clientHost: String
    package var sessionMilliseconds: Int32
    package var rebalanceMilliseconds: Int32
    /// In the order of the member's preference.
    package var protocols: [GroupProtocol]
    package var assignment: [UInt8] = []
    var waiting = Waiting.nothing
    /// It has not been answered a join yet.
    var isNew = true
    /// It has asked for its assignment in this generation.
    var hasSynced = false
    var sessionDeadline: Moment

    var isAwaitingJoin: Bool {
        if case .join = waiting { true } else { false }
    }

    /// When it is taken for gone; nil while a request of it is parked here. A new member's join may
    /// be parked by nobody.
    var expiry: Moment? {
        waiting == .nothing || isNew ? sessionDeadline : nil
    }

    package func metadata(for protocolName: String?) -> [UInt8] {
        protocols.first { $0.name == protocolName }?.metadata ?? []
    }

    mutating func touch(_ now: Moment) {
        sessionDeadline = now.advanced(byMilliseconds: sessionMilliseconds)
    }
}
