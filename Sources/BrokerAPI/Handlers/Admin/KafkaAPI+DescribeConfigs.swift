import Broker
import KafkaWire
import LogModel
import Security

/// Kafka's numbers for what has options.
enum ConfigResourceType: Int8, CaseIterable {
    case topic = 2
    case broker = 4
    case brokerLogger = 8
    case clientMetrics = 16
    case group = 32
}

/// DescribeConfigs and ListConfigResources.
extension KafkaAPI {
    func describeConfigs(
        _ request: DescribeConfigsRequest,
        _ call: APICall
    ) -> DescribeConfigsResponse {
        // One resource of a type that nobody knows spoils the request for all, as in Kafka.
        let isUnknown = request.resources.contains {
            ConfigResourceType(rawValue: $0.resourceType) == nil
        }
        return DescribeConfigsResponse(
            results: request.resources.map { resource in
                var result = DescribeConfigsResponse.DescribeConfigsResult(
                    resourceType: resource.resourceType,
                    resourceName: resource.resourceName
                )
                do throws(Refusal) {
                    guard !isUnknown else {
                        throw Refusal(.invalidRequest, Self.malformedRequestMessage)
                    }
                    let options = try options(of: resource)
                    // None stands for all of them, as in Kafka.
                    let keys = Set(resource.configurationKeys ?? [])
                    let wanted = options.filter { keys.isEmpty || keys.contains($0.name) }
                    result.configs = wanted.map {
                        Self.describe(
                            $0,
                            withSynonyms: request.includeSynonyms,
                            withDocumentation: request.includeDocumentation
                        )
                    }
                } catch {
                    result.errorCode = error.code.rawValue
                    result.errorMessage = error.message
                }
                return result
            }
        )
    }

    /// Kafka's protocol has no place for what is wrong with a partition that can be read.
    private static func trouble(of topic: Topic) -> [DescribedOption] {
        let lines = topic.partitions.compactMap { partition in
            partition.knownHealth.trouble?.line(of: partition.name.partition)
        }
        guard !lines.isEmpty else { return [] }
        return [
            DescribedOption(
                name: TopicOptionName.trouble,
                value: lines.joined(separator: "\n"),
                source: .startedWith,
                kind: .string,
                isReadOnly: true
            )
        ]
    }

    private func options(
        of resource: DescribeConfigsRequest.DescribeConfigsResource
    ) throws(Refusal) -> [DescribedOption] {
        let name = resource.resourceName
        switch ConfigResourceType(rawValue: resource.resourceType) {
        case .topic:
            if let problem = TopicName.problem(with: name) {
                throw Refusal(.invalidTopic, problem)
            }
            guard let topic = broker.topic(name) else {
                throw Refusal(.unknownTopicOrPartition, "")
            }
            return TopicOption.described(topic.options, configuration.topicDefaults)
                + Self.trouble(of: topic)
        case .broker:
            // Without a name: what all brokers were given while they run, which is nothing.
            if name.isEmpty { return [] }
            guard name == String(configuration.nodeID) else {
                throw Refusal(
                    .invalidRequest,
                    "Unexpected broker id, expected \(configuration.nodeID) or empty string, but "
                        + "received \(name)"
                )
            }
            return brokerOptions
        case .brokerLogger, .clientMetrics, .group: return []
        case nil: throw Refusal(.invalidRequest, Self.malformedRequestMessage)
        }
    }

    private static func describe(
        _ option: DescribedOption,
        withSynonyms: Bool,
        withDocumentation: Bool
    ) -> DescribeConfigsResponse.DescribeConfigsResourceResult {
        var result = DescribeConfigsResponse.DescribeConfigsResourceResult(
            name: option.name,
            value: option.value,
            readOnly: option.isReadOnly,
            configSource: option.source.rawValue,
            configType: option.kind.rawValue,
            documentation: withDocumentation && option.isFixed ? fixedOptionDocumentation : nil
        )
        guard withSynonyms else { return result }
        result.synonyms = option.synonyms.map {
            DescribeConfigsResponse.DescribeConfigsSynonym(
                name: $0.name,
                value: $0.value,
                source: $0.source.rawValue
            )
        }
        return result
    }

    static var malformedRequestMessage: String {
        "This most likely occurs because of a request being malformed by the client library or "
            + "the message was sent to an incompatible broker. See the broker logs for more "
            + "details."
    }

    private var advertisedListeners: String {
        addresses.map { "\($0.listener)://\($0.address.host):\($0.address.port)" }
            .joined(separator: ",")
    }

    /// What the broker was started with, under Kafka's names.
    private var brokerOptions: [DescribedOption] {
        let node = String(configuration.nodeID)
        let own: [(String, String, TopicOption.Kind)] = [
            ("advertised.listeners", advertisedListeners, .list),
            (
                "auto.create.topics.enable",
                configuration.autoCreatesTopics ? "true" : "false",
                .boolean
            ),
            ("broker.id", node, .int),
            ("default.replication.factor", "1", .int),
            ("delete.topic.enable", "true", .boolean),
            ("fetch.max.bytes", String(configuration.fetchByteLimit), .int),
            // Tools take the broker's features from it where it is there.
            ("inter.broker.protocol.version", "3.9-IV0", .string),
            ("log.dirs", logDirectory, .list),
            ("node.id", node, .int),
            ("num.partitions", String(configuration.defaultPartitionCount), .int),
            (
                "sasl.enabled.mechanisms",
                configuration.saslMechanisms.map(\.rawValue).joined(separator: ","),
                .list
            ),
        ]
        let given = configuration.topicDefaults.options
        let defaults = TopicOption.all.compactMap { option in
            option.brokerName.map { name in
                let value = given[option.name]
                let source: DescribedOption.Source = value == nil ? .builtIn : .startedWith
                return ((name, value ?? option.defaultValue, option.kind), source)
            }
        }
        return (own.map { ($0, DescribedOption.Source.startedWith) } + defaults)
            .map { option, source in
                DescribedOption(
                    name: option.0,
                    value: option.1,
                    source: source,
                    kind: option.2,
                    synonyms: [(option.0, option.1, source)],
                    isReadOnly: true
                )
            }.sorted { $0.name < $1.name }
    }

    func listConfigResources(
        _ request: ListConfigResourcesRequest,
        _ call: APICall
    ) -> ListConfigResourcesResponse {
        // Version 0 asks for client metrics alone, of which there are none.
        let every: [Int8] = call.version == 0 ? [16] : ConfigResourceType.allCases.map(\.rawValue)
        let asked = request.resourceTypes.isEmpty ? every : request.resourceTypes
        var response = ListConfigResourcesResponse()
        for number in Set(asked).sorted() {
            guard let type = ConfigResourceType(rawValue: number) else {
                return ListConfigResourcesResponse(
                    errorCode: KafkaErrorCode.unsupportedVersion.rawValue
                )
            }
            let names =
                switch type {
                case .topic: broker.topics().map(\.name)
                case .broker, .brokerLogger: [String(configuration.nodeID)]
                case .clientMetrics, .group: [String]()
                }
            response.configResources += names.map {
                ListConfigResourcesResponse.ConfigResource(resourceName: $0, resourceType: number)
            }
        }
        return response
    }
}
