import Broker
import KafkaWire
import LogModel
import Threads

/// Fetch 4-18. Answered at once where there is enough, an error, or no time to wait; parked
/// otherwise (`ParkedFetches`). A client that keeps a session names only what changes, and is told
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
        // Nothing would end the waiting for no partition.
        let isLast = wait == 0 || plan.partitions.isEmpty
        attempt(plan, limits, call, deadline: now &+ wait, isLast: isLast) { [self] answers in
            complete(answer(plan, answers, to: ask, of: owner))
        }
    }

    private func attempt(
        _ plan: FetchSessions.Plan,
        _ limits: FetchReading.Limits,
        _ call: APICall,
        deadline: UInt64,
        isLast: Bool,
        complete: @escaping @Sendable ([FetchResponse.PartitionData]) -> Void
    ) {
        // Of now: those that wait are woken together, and each finds what the others have left.
        var reading = FetchReading(limits, room: answerMemory.room)
        reading.run(plan.partitions, broker, rights(of: call.connection))
        let isEnough = reading.isEnough || reading.hasFailed
        if isLast || isEnough { return complete(reading.answers) }
        parkedFetches.park(
            call.connection,
            until: deadline,
            leastByteCount: limits.leastByteCount,
            reading.watched
        ) { [self] isLast in
            attempt(plan, limits, call, deadline: deadline, isLast: isLast, complete: complete)
        }
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
