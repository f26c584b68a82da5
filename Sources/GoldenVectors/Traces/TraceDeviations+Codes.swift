import LogStorage

extension TraceDeviations {
    private static let alterations: Set<String> = ["AlterConfigs", "IncrementalAlterConfigs"]
    private static let brokerResources: Set<JSON> = [.integer(4), .integer(8)]

    /// Why ours has the error code `ours` where Kafka has `kafka`; nil where that is not stated.
    func reason(_ kafka: Int64, _ ours: Int64, _ request: TraceRequest) -> String? {
        switch request.name {
        case "Metadata":
            guard (kafka, ours) == (3, 0), request.json["allowAutoTopicCreation"] != .boolean(false)
            else { return nil }
            return "a topic that Metadata makes is in the same answer"
        case "CreateTopics", "AlterConfigs", "IncrementalAlterConfigs", "DescribeConfigs":
            return optionReason(kafka, ours, request)
        case "AlterClientQuotas":
            return ours == 35 ? "there are no quotas" : nil
        case "JoinGroup", "ConsumerGroupHeartbeat": return groupReason(kafka, ours, request)
        case "Produce":
            return produceReason(kafka, ours, request) ?? ownerReason(kafka, ours, request)
        default: return ownerReason(kafka, ours, request)
        }
    }

    private func optionReason(_ kafka: Int64, _ ours: Int64, _ request: TraceRequest) -> String? {
        guard kafka == 0 else { return nil }
        if ours == 40, request.namesUnheededOption {
            return "an option that the log does not heed is refused"
        }
        guard ours == 42, Self.alterations.contains(request.name) else { return nil }
        if request.resourceTypes.contains(.integer(32)) { return "options of groups cannot be set" }
        let isOfBroker = request.resourceTypes.contains { Self.brokerResources.contains($0) }
        return isOfBroker ? "options of the broker and of its loggers cannot be altered" : nil
    }

    private func groupReason(_ kafka: Int64, _ ours: Int64, _ request: TraceRequest) -> String? {
        switch (request.name, ours) {
        case ("JoinGroup", 23)
        where [0, 79].contains(kafka) && consumerGroups.contains(request.group):
            "a classic member does not join a consumer group that has members"
        case ("ConsumerGroupHeartbeat", 69)
        where kafka == 0 && classicGroups.contains(request.group):
            "a group with classic members is not taken over"
        case ("ConsumerGroupHeartbeat", 0) where kafka == 111:
            "a static member that joins again under its own id has its place"
        default: nil
        }
    }

    private func produceReason(_ kafka: Int64, _ ours: Int64, _ request: TraceRequest) -> String? {
        switch (kafka, ours) {
        case (-1, 2), (-1, 87): "damage is answered as what it is"
        case (0, 2) where request.hasUnreadableBatches, (0, 87) where request.hasUnreadableBatches:
            "a batch that Kafka's own reader cannot read is refused"
        case (_, 49) where request.version >= 12 && hasForeignProducer(request):
            "the transactional id of a Produce 12 must be its producer's"
        case (0, 45) where request.version >= 12 && request.transaction != .null:
            "a partition joins a transaction with the batch of sequence 0"
        default: nil
        }
    }

    /// Whether a batch is of another producer than the transactional id's.
    private func hasForeignProducer(_ request: TraceRequest) -> Bool {
        let own = producerIDs[request.transaction]
        return request.batchProducerIDs.contains { $0 != own }
    }

    private func ownerReason(_ kafka: Int64, _ ours: Int64, _ request: TraceRequest) -> String? {
        let transaction = request.transaction
        guard transaction != .null else { return nil }
        switch (request.name, kafka, ours) {
        case ("InitProducerId", 0, 90) where isOfOlderEpoch(request):
            return "an old owner does not fence the new one"
        case ("InitProducerId", 90, 0) where isOfVersionZero && request.namesProducer:
            return "transaction.version is 2: who was fenced by the timeout goes on"
        case (_, 90, 0), (_, 47, 0):
            return unfenced.contains(transaction) ? "an old owner does not fence the new one" : nil
        case ("AddPartitionsToTxn", _, 16), ("AddOffsetsToTxn", _, 16), ("EndTxn", _, 16):
            return connection < newestConnections[transaction] ?? 0
                ? "a request on an older connection than the owner's newest is not acted on" : nil
        default: return nil
        }
    }

    private func isOfOlderEpoch(_ request: TraceRequest) -> Bool {
        guard request.namesProducer, case .integer(let epoch)? = request.json["producerEpoch"],
            let newest = newestEpochs[request.transaction]
        else { return false }
        return epoch < newest
    }
}

extension TraceRequest {
    var group: JSON { json["groupId"] ?? .null }

    var transaction: JSON {
        json["transactionalId"] ?? json["v3AndBelowTransactionalId"] ?? .null
    }

    /// Whether it is one of those that only the owner of a transactional id sends.
    var isOfTransactionOwner: Bool {
        ["InitProducerId", "AddPartitionsToTxn", "AddOffsetsToTxn", "EndTxn"].contains(name)
    }

    /// Whether only clients of transaction version 2 send it.
    var isOfVersionTwo: Bool {
        switch name {
        case "Produce": version >= 12 && transaction != .null
        case "EndTxn", "TxnOffsetCommit": version >= 5
        default: false
        }
    }

    /// Whether InitProducerId names the pair that the owner had.
    var namesProducer: Bool {
        guard case .integer(let id)? = json["producerId"] else { return false }
        return id >= 0
    }

    var resourceTypes: [JSON] {
        guard case .array(let resources)? = json["resources"] else { return [] }
        return resources.compactMap { $0["resourceType"] }
    }

    var namesUnheededOption: Bool {
        guard case .array(let entries)? = json["resources"] ?? json["topics"] else { return false }
        return entries.contains { entry in
            guard case .array(let options)? = entry["configs"] else { return false }
            return options.contains { Self.isUnheeded($0["name"]) }
        }
    }

    static func isUnheeded(_ name: JSON?) -> Bool {
        guard case .string(let text)? = name else { return false }
        return !LogConfiguration.names.contains(text)
    }
}
