import Broker
import KafkaWire
import LogModel
import Threads

/// Fetch 4-18. Answered at once where there is enough, reading failed, or there is no time to wait;
/// parked otherwise (`ParkedFetches`), also where there is no memory for what it would bring
/// (`AnswerRoom`). A client that keeps a session names only what changes, and is told
/// only what is new (`FetchSessions`); from version 13 on topics are named by their ids.
extension KafkaAPI {
    func fetch(
        _ request: FetchRequest,
        _ call: APICall,
        complete: @escaping @Sendable (FetchResponse?) -> Void
    ) {
        let ask = FetchAsk(request, version: call.version)
        let now = broker.clock.monotonicNanoseconds()
        let owner = FetchSessions.Owner(call.connection)
        let plan = fetchSessions.withLock { $0.plan(ask, of: owner, now: now / 1_000_000) }
        if case .refused(let code) = plan {
            var response = FetchResponse()
            response.errorCode = code.rawValue
            return complete(response)
        }
        let limits = FetchReading.Limits(request, byteLimit: configuration.fetchByteLimit)
        let wait = UInt64(max(request.maxWaitMs, 0)) * 1_000_000
        let pending = PendingFetch(
            plan: plan,
            limits: limits,
            connection: call.connection,
            deadline: now &+ wait,
            roomDeadline: now &+ max(wait, PendingFetch.leastRoomWait)
        ) { [self] answers in
            complete(answer(plan, answers, to: ask, of: owner))
        }
        attempt(pending, isLast: wait == 0)
    }

    /// `isLast` where it has waited long enough for records, `isOver` where it has for memory too;
    /// so much of that is `granted`.
    private func attempt(
        _ fetch: PendingFetch,
        granted: Int = 0,
        isLast: Bool,
        isOver: Bool = false
    ) {
        var reading = FetchReading(fetch.limits, answerMemory, granted: granted)
        reading.run(fetch.plan.partitions, broker, rights(of: fetch.connection))
        // Whoever carries the answer has counted it by then.
        defer { answerMemory.release(reading.byteCount) }
        var fetch = fetch
        let isGone = fetch.refusedCount.map { reading.refusedCount > $0 } ?? false
        fetch.refusedCount = reading.refusedCount
        // Nothing would end the waiting for no partition.
        let isEnded = reading.hasFailed || isGone || reading.watched.isEmpty
        if let needed = reading.neededByteCount, !isEnded, !isOver {
            return parkedFetches.waitForRoom(
                fetch.connection,
                until: fetch.roomDeadline,
                byteCount: needed,
                in: answerMemory
            ) { [self, fetch] granted in
                attempt(fetch, granted: granted ?? 0, isLast: isLast, isOver: granted == nil)
            }
        }
        if isLast || isOver || isEnded || reading.isEnough {
            return fetch.complete(reading.answers)
        }
        parkedFetches.park(
            fetch.connection,
            until: fetch.deadline,
            leastByteCount: fetch.limits.leastByteCount,
            reading.watched
        ) { [self, fetch] isLast in attempt(fetch, isLast: isLast) }
    }

    private func answer(
        _ plan: FetchSessions.Plan,
        _ answers: [FetchResponse.PartitionData],
        to ask: FetchAsk,
        of owner: FetchSessions.Owner
    ) -> FetchResponse {
        let told = answers.map(FetchTold.init)
        let now = broker.clock.monotonicNanoseconds() / 1_000_000
        let answer = fetchSessions.withLock { sessions in
            var random = SystemRandomNumberGenerator()
            return sessions.answer(plan, told, to: ask, of: owner, now: now, random: &random)
        }
        var response = FetchResponse()
        response.errorCode = answer.code.rawValue
        response.sessionID = answer.sessionID
        let partitions = plan.partitions
        var last: FetchKey.Topic?
        for index in answer.told ?? Array(partitions.indices) {
            let topic = partitions[index].key.topic
            if topic != last {
                response.responses.append(.init(topic))
                last = topic
            }
            response.responses[response.responses.count - 1].partitions.append(answers[index])
        }
        return response
    }
}

/// A fetch on its way to its answer.
private struct PendingFetch: Sendable {
    /// Who would not wait waits so long for memory all the same: it would ask again at once.
    static let leastRoomWait: UInt64 = 500_000_000

    let plan: FetchSessions.Plan
    let limits: FetchReading.Limits
    let connection: ConnectionIdentity
    let deadline: UInt64
    let roomDeadline: UInt64
    /// What was refused when it was looked at last; nil before. One more ends the waiting: a topic
    /// was deleted, or a right taken away.
    var refusedCount: Int?
    let complete: @Sendable ([FetchResponse.PartitionData]) -> Void

    init(
        plan: FetchSessions.Plan,
        limits: FetchReading.Limits,
        connection: ConnectionIdentity,
        deadline: UInt64,
        roomDeadline: UInt64,
        complete: @escaping @Sendable ([FetchResponse.PartitionData]) -> Void
    ) {
        self.plan = plan
        self.limits = limits
        self.connection = connection
        self.deadline = deadline
        self.roomDeadline = roomDeadline
        self.complete = complete
    }
}

extension FetchSessions.Owner {
    init(_ connection: ConnectionIdentity) {
        self.init(principal: connection.principal, connection: connection.number)
    }
}

extension FetchResponse.FetchableTopicResponse {
    fileprivate init(_ topic: FetchKey.Topic) {
        switch topic {
        case .name(let name): self.init(topic: name)
        case .id(let id): self.init(topicID: id)
        }
    }
}
