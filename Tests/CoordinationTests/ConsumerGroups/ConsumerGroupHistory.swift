import Bytes
import LogModel

@testable import Coordination

/// Clients of a group as they may be, a log and a machine that fail, and topics that change, in an
/// order that a seed gives. After each step: whoever the coordinator takes for a member uses
/// nothing that the coordinator does not hold for it, so nobody uses what another one does.
struct ConsumerGroupHistory {
    struct Client {
        var id: String
        var instance: String?
        var names: [String]
        var epoch: Int32 = 0
        /// What it reads from.
        var used: Set<AssignedPartition> = []
        /// What it was told to have.
        var told: Set<AssignedPartition> = []
        /// It has not heard the last answer: it says all of itself again.
        var saysAll = true
        /// It has to say what it has: that changed since it last did.
        var saysOwned = true
        /// It has stopped without a word.
        var isDead = false
        /// It never gives anything up.
        var isStubborn = false
    }

    private(set) var group: ConsumerGroup?
    private(set) var clients: [Client] = []
    /// What a step has shown to be wrong.
    private(set) var problem: String?
    private var log: [ConsumerGroupRecord] = []
    private var topics: [String: TopicImage.Shape] = [:]
    private var version: UInt64 = 1
    private var milliseconds: UInt64 = 1_000
    private var random: SplitMix
    private var lastID = 0
    private let settings = GroupSettings()

    init(seed: UInt64) {
        random = SplitMix(state: seed)
        for name in ["x", "y"] { makeTopic(name) }
    }

    private var now: Moment { Moment(nanoseconds: milliseconds * 1_000_000) }
    private var wallTime: Timestamp { Timestamp(Int64(milliseconds)) }
    private var image: TopicImage { TopicImage(version: version, topics: topics) }

    // MARK: Chaos

    mutating func step() {
        milliseconds += UInt64(random.next(400))
        switch random.next(100) {
        case 0..<6 where clients.count < 7: addClient()
        case 6..<8: stopClient()
        case 8..<10: restart()
        case 10..<13: changeTopics()
        case 13..<15: milliseconds += UInt64(random.next(20_000))
        case 15..<20: expire()
        case 20..<24: changeSubscription()
        default: if !clients.isEmpty { turn(of: random.next(clients.count), isCalm: false) }
        }
        check()
    }

    /// Nobody fails any more, and everybody speaks in turn: each is to have its target then.
    mutating func settle() {
        for index in clients.indices { clients[index].isStubborn = false }
        clients.removeAll(where: \.isDead)
        // The sessions of those who are gone run out while the others speak.
        for _ in 0..<60 {
            milliseconds += 1_000
            expire()
            for index in clients.indices {
                turn(of: index, isCalm: true)
                check()
            }
        }
    }

    /// What is wrong with the end; nil if every member has its target, and all is assigned.
    var unsettled: String? {
        guard let group, !clients.isEmpty else { return nil }
        guard group.stateName == "Stable" else { return "the group is \(group.stateName)" }
        var assigned: Set<AssignedPartition> = []
        for client in clients {
            guard client.used == group.targets[client.id], client.used == client.told else {
                return "\(client.id) does not have its target"
            }
            assigned.formUnion(client.used)
        }
        let wanted = Set(clients.flatMap(\.names)).compactMap { topics[$0] }.flatMap { shape in
            (0..<shape.partitionCount).map { AssignedPartition(shape.id, PartitionIndex($0)) }
        }
        return assigned == Set(wanted) ? nil : "partitions that nobody has, or that are none"
    }

    private mutating func check() {
        guard let group else { return }
        group.checkInvariants()
        for client in clients where !client.isDead {
            // Who was put out does not know it yet; its time to be heard of is over.
            guard let member = group.members[client.id] else { continue }
            let held = Set(member.assignment.held)
            if !client.used.isSubset(of: held) { problem = "\(client.id) uses what is not its" }
        }
    }

    // MARK: Clients

    private mutating func makeID() -> String {
        lastID += 1
        return "m\(lastID)"
    }

    private mutating func addClient() {
        let instance = random.next(4) == 0 ? "i\(random.next(3))" : nil
        if let instance, clients.contains(where: { $0.instance == instance && !$0.isDead }) {
            return
        }
        let id = makeID()
        clients.append(Client(id: id, instance: instance, names: someNames()))
        clients[clients.count - 1].isStubborn = random.next(8) == 0
    }

    private mutating func someNames() -> [String] {
        switch random.next(4) {
        case 0: ["x"]
        case 1: ["y", "z"]
        default: ["x", "y"]
        }
    }

    private mutating func changeSubscription() {
        guard !clients.isEmpty else { return }
        let index = random.next(clients.count)
        clients[index].names = someNames()
        clients[index].saysAll = true
    }

    private mutating func stopClient() {
        guard !clients.isEmpty else { return }
        let index = random.next(clients.count)
        clients[index].used = []
        let client = clients[index]
        if client.isDead { return }
        guard random.next(3) > 0, client.epoch > 0 else {
            clients[index].isDead = true
            return
        }
        // It lets go first and says so then; the word may be lost.
        let isBack = client.instance != nil && random.next(2) == 0
        clients[index].isDead = true
        if random.next(5) > 0 {
            let epoch: GroupEpoch = isBack ? .leavingForNow : .leaving
            _ = ask(
                ConsumerHeartbeat(
                    group: "g",
                    memberID: client.id,
                    epoch: epoch,
                    instanceID: client.instance
                ),
                mayFail: true
            )
        }
        if isBack {
            let id = makeID()
            clients.append(Client(id: id, instance: client.instance, names: client.names))
        }
    }

    /// A client gives up what it has to, or speaks.
    private mutating func turn(of index: Int, isCalm: Bool) {
        guard !clients[index].isDead else { return }
        let extra = clients[index].used.subtracting(clients[index].told)
        if !extra.isEmpty, !clients[index].isStubborn, isCalm || random.next(3) == 0 {
            clients[index].used.subtract(extra)
            clients[index].saysOwned = true
        }
        let client = clients[index]
        let isJoin = client.epoch == 0
        let saysAll = client.saysAll || isJoin
        let beat = ConsumerHeartbeat(
            group: "g",
            memberID: client.id,
            epoch: GroupEpoch(client.epoch),
            instanceID: client.instance,
            rebalanceMilliseconds: saysAll ? 5_000 : -1,
            topicNames: saysAll ? client.names : nil,
            ownedPartitions: saysAll || client.saysOwned ? client.used.sorted() : nil
        )
        if !isCalm, random.next(12) == 0 { return }
        guard let answer = ask(beat, mayFail: !isCalm), isCalm || random.next(10) > 0 else {
            clients[index].saysAll = true
            return
        }
        hear(answer, index)
    }

    private mutating func hear(_ answer: ConsumerHeartbeatAnswer, _ index: Int) {
        switch answer {
        case .left: break
        case .refused(let refusal):
            clients[index].used = []
            clients[index].told = []
            clients[index].epoch = 0
            clients[index].saysAll = true
            // Another one has its place for good: it would stop.
            if refusal.code == .fencedInstanceID { clients[index].isDead = true }
        case .accepted(_, let epoch, _, let assignment):
            clients[index].epoch = epoch.rawValue
            clients[index].saysAll = false
            clients[index].saysOwned = false
            if assignment != nil { clients[index].told = Set(answer.assigned ?? []) }
            let before = clients[index].used
            // It begins with new ones when it has given up the old ones.
            if before.isSubset(of: clients[index].told) {
                clients[index].used = clients[index].told
            }
            if clients[index].used != before || assignment != nil {
                clients[index].saysOwned = true
            }
        }
    }

    // MARK: The coordinator

    /// The answer, or nil where it could not be written.
    private mutating func ask(
        _ beat: ConsumerHeartbeat,
        mayFail: Bool
    ) -> ConsumerHeartbeatAnswer? {
        precondition(beat.refusal(namesItself: true) == nil, "a request that no client sends")
        var asked = group ?? ConsumerGroup(id: "g", settings: settings, wallTime: wallTime)
        let answer = asked.heartbeat(
            beat,
            topics: image,
            newID: "",
            now: now,
            wallTime: wallTime
        )
        asked.checkInvariants()
        if group == nil, answer.code != .none { return answer }
        group = asked
        return write(mayFail: mayFail) ? answer : nil
    }

    private mutating func expire() {
        let (topics, now, wallTime) = (image, now, wallTime)
        group?.expire(topics: topics, now: now, wallTime: wallTime)
        _ = write(mayFail: false)
    }

    /// False where the records are not in the log, or nobody hears that they are.
    private mutating func write(mayFail: Bool) -> Bool {
        guard let records = group?.takeRecords() else { return true }
        guard mayFail, !records.isEmpty else {
            log += records
            return true
        }
        switch random.next(20) {
        case 0:
            group?.storingFailed(records)
            return false
        case 1:
            // A crash in front of the write, or behind it.
            if random.next(2) == 0 { log += records }
            restart()
            return false
        default:
            log += records
            return true
        }
    }

    private mutating func restart() {
        // Compaction keeps the last of each, in whatever order.
        log = Array(log.reversed().lastOfEach()).shuffled(using: &random)
        var replay = ConsumerGroupReplay()
        for record in log { replay.apply(record) }
        group = replay.group(id: "g", settings: settings, now: now, wallTime: wallTime)
    }

    // MARK: Topics

    private mutating func makeTopic(_ name: String) {
        lastID += 1
        topics[name] = TopicImage.Shape(
            id: UniqueID(high: 0, low: UInt64(lastID)),
            partitionCount: Int32(1 + random.next(5))
        )
    }

    private mutating func changeTopics() {
        let name = ["x", "y", "z"][random.next(3)]
        version += 1
        if topics[name] == nil {
            makeTopic(name)
        } else if random.next(4) == 0 {
            topics[name] = nil
        } else {
            topics[name]?.partitionCount += Int32(random.next(3))
        }
    }
}
