import Broker
import Coordination
import KafkaWire
import LogModel

/// AlterConfigs, which replaces all options of a topic, and IncrementalAlterConfigs, which changes
/// some.
extension KafkaAPI {
    func alterConfigs(_ request: AlterConfigsRequest, _ call: APICall) -> AlterConfigsResponse {
        let doubled = Self.doubled(request.resources.map { ($0.resourceType, $0.resourceName) })
        return AlterConfigsResponse(
            responses: request.resources.map { resource in
                let names = resource.configs.map(\.name)
                let target = AlteredResource(resource.resourceType, resource.resourceName)
                let refusal =
                    Self.contradiction(doubled.contains(target), names)
                    ?? alter(
                        resource.resourceName,
                        ofType: resource.resourceType,
                        validateOnly: request.validateOnly
                    ) { options throws(Refusal) in
                        let named = resource.configs.map { ($0.name, $0.value) }
                        return try TopicOptionRules.replaced(
                            options,
                            by: named,
                            defaults: configuration.topicDefaults,
                            byOwner: call.connection.isOwner
                        )
                    }
                return AlterConfigsResponse.AlterConfigsResourceResponse(
                    errorCode: refusal?.code.rawValue ?? 0,
                    errorMessage: refusal?.message,
                    resourceType: resource.resourceType,
                    resourceName: resource.resourceName
                )
            }
        )
    }

    func incrementalAlterConfigs(
        _ request: IncrementalAlterConfigsRequest,
        _ call: APICall
    ) -> IncrementalAlterConfigsResponse {
        let doubled = Self.doubled(request.resources.map { ($0.resourceType, $0.resourceName) })
        return IncrementalAlterConfigsResponse(
            responses: request.resources.map { resource in
                let names = resource.configs.map(\.name)
                let target = AlteredResource(resource.resourceType, resource.resourceName)
                let refusal =
                    Self.contradiction(doubled.contains(target), names)
                    ?? alter(
                        resource.resourceName,
                        ofType: resource.resourceType,
                        validateOnly: request.validateOnly
                    ) { options throws(Refusal) in
                        let changes = resource.configs.map {
                            TopicOptionRules.Change(
                                name: $0.name,
                                operation: $0.configOperation,
                                value: $0.value
                            )
                        }
                        return try TopicOptionRules.changed(
                            options,
                            by: changes,
                            defaults: configuration.topicDefaults,
                            byOwner: call.connection.isOwner
                        )
                    }
                return IncrementalAlterConfigsResponse.AlterConfigsResourceResponse(
                    errorCode: refusal?.code.rawValue ?? 0,
                    errorMessage: refusal?.message,
                    resourceType: resource.resourceType,
                    resourceName: resource.resourceName
                )
            }
        )
    }

    private struct AlteredResource: Hashable {
        let type: Int8
        let name: ExactText

        init(_ type: Int8, _ name: String) { (self.type, self.name) = (type, ExactText(name)) }
    }

    /// Those that a request names twice.
    private static func doubled(_ resources: [(Int8, String)]) -> Set<AlteredResource> {
        var seen: Set<AlteredResource> = []
        return Set(resources.map(AlteredResource.init).filter { !seen.insert($0).inserted })
    }

    /// Why nothing of it is done, whatever the options are; nil where they may be looked at.
    private static func contradiction(_ isDoubled: Bool, _ names: [String]) -> Refusal? {
        if isDoubled {
            return Refusal(.invalidRequest, "Each resource must appear at most once.")
        }
        return Set(names).count < names.count
            ? Refusal(.invalidRequest, "Error due to duplicate config keys") : nil
    }

    /// Why it was not changed; nil if it was.
    private func alter(
        _ name: String,
        ofType type: Int8,
        validateOnly: Bool,
        _ change: ([String: String]) throws(Refusal) -> [String: String]
    ) -> Refusal? {
        do throws(Refusal) {
            try checkAlterable(type)
            guard let topic = broker.topic(name) else {
                throw Refusal(
                    .unknownTopicOrPartition,
                    "The topic '\(name)' does not exist."
                )
            }
            let options = try change(topic.options)
            var changes: [String: String?] = topic.options.mapValues { _ in nil }
            for (key, value) in options { changes[key] = .some(value) }
            let changed = changes.filter { topic.options[$0.key] != $0.value }
            if let fixed = changed.keys.sorted().first(where: {
                topic.mayNotChange($0, to: changed[$0].flatMap(\.self) ?? "")
            }) {
                throw Refusal(
                    .policyViolation,
                    "\(fixed) of '\(name)' stays: the topic is a job's own, which counts on it."
                )
            }
            guard !validateOnly else { return nil }
            try refusing { () throws(BrokerError) in
                try broker.alterTopic(name, options: changed)
            }
            return nil
        } catch {
            return error
        }
    }

    private func checkAlterable(_ type: Int8) throws(Refusal) {
        switch ConfigResourceType(rawValue: type) {
        case .topic: return
        case .broker, .brokerLogger, .clientMetrics, .group:
            throw Refusal(
                .invalidRequest,
                "Only topics have options that can be changed; the broker's are those that it was "
                    + "started with."
            )
        case nil: throw Refusal(.invalidRequest, Self.malformedRequestMessage)
        }
    }
}
