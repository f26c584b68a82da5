import Broker
import Coordination
import KafkaWire
import LogModel

/// AlterConfigs, which replaces all options of a topic, and IncrementalAlterConfigs, which changes
/// some.
extension KafkaAPI {
    func alterConfigs(_ request: AlterConfigsRequest, _ call: APICall) -> AlterConfigsResponse {
        let contradictions = Self.contradictions(
            request.resources.map {
                ($0.resourceType, $0.resourceName, $0.configs.map(\.name))
            }
        )
        return AlterConfigsResponse(
            responses: zip(request.resources, contradictions).map { resource, contradiction in
                let refusal =
                    contradiction
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
        let contradictions = Self.contradictions(
            request.resources.map {
                ($0.resourceType, $0.resourceName, $0.configs.map(\.name))
            }
        )
        return IncrementalAlterConfigsResponse(
            responses: zip(request.resources, contradictions).map { resource, contradiction in
                let refusal =
                    contradiction ?? change(resource, call, validateOnly: request.validateOnly)
                return IncrementalAlterConfigsResponse.AlterConfigsResourceResponse(
                    errorCode: refusal?.code.rawValue ?? 0,
                    errorMessage: refusal?.message,
                    resourceType: resource.resourceType,
                    resourceName: resource.resourceName
                )
            }
        )
    }

    private func change(
        _ resource: IncrementalAlterConfigsRequest.AlterConfigsResource,
        _ call: APICall,
        validateOnly: Bool
    ) -> Refusal? {
        guard !takesNothingBack(resource) else { return nil }
        return alter(
            resource.resourceName,
            ofType: resource.resourceType,
            validateOnly: validateOnly
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
    }

    /// Whether it takes options of the broker back, of which none is ever set while it runs: tools
    /// that clean up behind themselves do.
    private func takesNothingBack(
        _ resource: IncrementalAlterConfigsRequest.AlterConfigsResource
    ) -> Bool {
        ConfigResourceType(rawValue: resource.resourceType) == .broker
            && ["", "\(configuration.nodeID)"].contains(resource.resourceName)
            && resource.configs.allSatisfy {
                $0.configOperation == TopicOptionRules.deletion
            }
    }

    private struct AlteredResource: Hashable {
        let type: Int8
        let name: ExactText
    }

    /// Of each resource with its options' names, why nothing of it is done, whatever the options
    /// are; nil where they may be looked at.
    private static func contradictions(
        _ resources: [(type: Int8, name: String, options: [String])]
    ) -> [Refusal?] {
        let targets = resources.map { AlteredResource(type: $0.type, name: ExactText($0.name)) }
        let counts = Dictionary(targets.map { ($0, 1) }, uniquingKeysWith: +)
        return zip(targets, resources).map { target, resource in
            if counts[target] != 1 {
                return Refusal(.invalidRequest, "Each resource must appear at most once.")
            }
            return Set(resource.options).count < resource.options.count
                ? Refusal(.invalidRequest, "Error due to duplicate config keys") : nil
        }
    }

    /// Why it was not changed; nil if it was.
    private func alter(
        _ name: String,
        ofType type: Int8,
        validateOnly: Bool,
        _ change: ([String: String]) throws(Refusal) -> [String: String]
    ) -> Refusal? {
        do throws(Refusal) {
            try checkAlterable(type, name)
            guard let topic = broker.topic(name) else {
                throw Refusal(
                    .unknownTopicOrPartition,
                    "The topic '\(name)' does not exist."
                )
            }
            let options = try change(topic.options)
            guard !topic.isInternal else {
                throw Refusal(
                    .invalidTopic,
                    "Topic '\(name)' is internal and keeps its options."
                )
            }
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

    private func checkAlterable(_ type: Int8, _ name: String) throws(Refusal) {
        switch ConfigResourceType(rawValue: type) {
        case .topic:
            guard !name.isEmpty else {
                throw Refusal(.invalidRequest, "Default topic resources are not allowed.")
            }
            if let problem = TopicName.problem(with: name) { throw Refusal(.invalidTopic, problem) }
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
