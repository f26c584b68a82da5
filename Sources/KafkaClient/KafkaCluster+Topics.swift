package import Bytes
import KafkaWire
package import LogModel

/// A topic of a cluster.
package struct ClusterTopic: Sendable, Equatable {
    package struct Partition: Sendable, Equatable {
        package let index: Int32
        /// Why it cannot be used now; `none` where it can.
        package let code: KafkaErrorCode
    }

    package let name: String
    /// Which topic of that name it is; nil from servers that do not tell.
    package let id: UniqueID?
    package let isInternal: Bool
    /// In the order of their numbers.
    package let partitions: [Partition]

    package var partitionNames: [TopicPartition] {
        partitions.map { TopicPartition(name, PartitionIndex($0.index)) }
    }
}

/// Topics and their options.
extension KafkaCluster {
    /// The topics of these names that exist, all for nil, by name.
    package func topics(named names: [String]?) throws(KafkaClientError) -> [ClusterTopic] {
        try retrying { () throws(KafkaClientError) in
            var found: [ClusterTopic] = []
            for topic in try metadata(of: names).topics {
                let name = topic.name ?? ""
                let code = KafkaErrorCode(rawValue: topic.errorCode)
                if code == .unknownTopicOrPartition || code == .invalidTopic { continue }
                if identities.isOver(topic.topicID) { continue }
                try check(topic.errorCode, about: "the topic '\(name)'")
                found.append(
                    ClusterTopic(
                        name: name,
                        id: topic.topicID == .zero ? nil : topic.topicID,
                        isInternal: topic.isInternal,
                        partitions: topic.partitions.map {
                            .init(
                                index: $0.partitionIndex,
                                code: KafkaErrorCode(rawValue: $0.errorCode)
                            )
                        }.sorted { $0.index < $1.index }
                    )
                )
            }
            return found.sorted { $0.name < $1.name }
        }
    }

    /// - Parameters:
    ///   - options: Kafka's topic options by name.
    ///   - validateOnly: nothing is made; throws where it would not be.
    package func createTopic(
        _ name: String,
        partitionCount: Int32,
        options: [String: String],
        validateOnly: Bool = false
    ) throws(KafkaClientError) {
        let request = CreateTopicsRequest(
            topics: [
                CreateTopicsRequest.CreatableTopic(
                    name: name,
                    numPartitions: partitionCount,
                    replicationFactor: -1,
                    configs: options.sorted { $0.key < $1.key }.map {
                        CreateTopicsRequest.CreatableTopicConfig(name: $0.key, value: $0.value)
                    }
                )
            ],
            timeoutMs: requestMilliseconds,
            validateOnly: validateOnly
        )
        var mayBeThere = false
        try retrying { () throws(KafkaClientError) in
            let response: CreateTopicsResponse
            do throws(KafkaClientError) { response = try askPatiently(request) } catch {
                mayBeThere = mayBeThere || (error.isUncertain && !validateOnly)
                throw error
            }
            for topic in response.topics {
                let code = KafkaErrorCode(rawValue: topic.errorCode)
                // An attempt before this one has made it, and its answer was lost.
                if code == .topicAlreadyExists, mayBeThere { continue }
                try check(topic.errorCode, about: "the topic '\(name)'", topic.errorMessage)
            }
        }
    }

    package func deleteTopic(_ name: String) throws(KafkaClientError) {
        let request = DeleteTopicsRequest(topicNames: [name], timeoutMs: requestMilliseconds)
        var mayBeGone = false
        try retrying { () throws(KafkaClientError) in
            let response: DeleteTopicsResponse
            do throws(KafkaClientError) { response = try askPatiently(request) } catch {
                mayBeGone = mayBeGone || error.isUncertain
                throw error
            }
            for topic in response.responses {
                let code = KafkaErrorCode(rawValue: topic.errorCode)
                if code == .unknownTopicOrPartition, mayBeGone { continue }
                try check(topic.errorCode, about: "the topic '\(name)'", topic.errorMessage)
            }
        }
    }

    /// Gives these options other values; nil takes one back.
    package func alterTopic(
        _ name: String,
        options: [String: String?],
        validateOnly: Bool = false
    ) throws(KafkaClientError) {
        let request = IncrementalAlterConfigsRequest(
            resources: [
                IncrementalAlterConfigsRequest.AlterConfigsResource(
                    resourceType: Self.topicResource,
                    resourceName: name,
                    configs: options.sorted { $0.key < $1.key }.map { option in
                        IncrementalAlterConfigsRequest.AlterableConfig(
                            name: option.key,
                            configOperation: option.value == nil ? 1 : 0,
                            value: option.value
                        )
                    }
                )
            ],
            validateOnly: validateOnly
        )
        try retrying { () throws(KafkaClientError) in
            for result in try askPatiently(request).responses {
                try check(result.errorCode, about: "the topic '\(name)'", result.errorMessage)
            }
        }
    }

    /// The options of topics that are not the cluster's defaults; those too, if asked for. Topics
    /// whose options the client may not know, and those that are gone, are left out where
    /// `allowsDenials` says so.
    package func options(
        of names: [String],
        withDefaults: Bool = false,
        allowsDenials: Bool = false
    ) throws(KafkaClientError) -> [String: [String: String]] {
        guard !names.isEmpty else { return [:] }
        let request = DescribeConfigsRequest(resources: Self.resources(names))
        return try retrying { () throws(KafkaClientError) in
            var options: [String: [String: String]] = [:]
            for result in try ask(request).results {
                let subject = "the topic '\(result.resourceName)'"
                let code = KafkaErrorCode(rawValue: result.errorCode)
                let isLeftOut =
                    code == .topicAuthorizationFailed || code == .unknownTopicOrPartition
                if allowsDenials, isLeftOut { continue }
                try check(result.errorCode, about: subject, result.errorMessage)
                let own = result.configs.filter {
                    withDefaults || $0.configSource == Self.setForTopic
                }
                options[result.resourceName] = Dictionary(
                    own.map { ($0.name, $0.value ?? "") },
                    uniquingKeysWith: { $1 }
                )
            }
            return options
        }
    }

    /// What is wrong with partitions of these topics, by index, where the server is one that tells.
    package func troubles(
        of names: [String]
    ) throws(KafkaClientError) -> [String: [Int32: PartitionTrouble]] {
        guard !names.isEmpty else { return [:] }
        let request = DescribeConfigsRequest(
            resources: Self.resources(names, options: [TopicOptionName.trouble])
        )
        var found: [String: [Int32: PartitionTrouble]] = [:]
        try retrying { () throws(KafkaClientError) in
            for result in try ask(request).results {
                let told = result.configs.first { $0.name == TopicOptionName.trouble }?.value
                if let told { found[result.resourceName] = PartitionTrouble.read(told) }
            }
        }
        return found
    }

    /// What a topic's options have that are not set.
    package struct TopicDefaults {
        /// Of those that have a default, whether they are set or not.
        package var values: [String: String] = [:]
        /// Those of them that nobody can set, as the server says.
        package var fixedNames: Set<String> = []
    }

    /// The defaults of a topic's options.
    package func defaults(ofTopic name: String) throws(KafkaClientError) -> TopicDefaults {
        let request = DescribeConfigsRequest(
            resources: Self.resources([name]),
            includeSynonyms: true,
            includeDocumentation: true
        )
        return try retrying { () throws(KafkaClientError) in
            var defaults = TopicDefaults()
            for result in try ask(request).results {
                try check(result.errorCode, about: "the topic '\(name)'", result.errorMessage)
                for option in result.configs where option.name != TopicOptionName.trouble {
                    if option.documentation == fixedOptionDocumentation {
                        defaults.fixedNames.insert(option.name)
                    }
                    guard option.configSource == Self.setForTopic else {
                        defaults.values[option.name] = option.value
                        continue
                    }
                    // Of several that would count without the topic's own, the first does.
                    let inherited = option.synonyms.first { $0.source != Self.setForTopic }
                    defaults.values[option.name] = inherited.flatMap {
                        Self.value($0, for: option.name)
                    }
                }
            }
            return defaults
        }
    }

    /// A broker's setting as the topic's option that it stands for: some have longer spans of time.
    private static func value(
        _ synonym: DescribeConfigsResponse.DescribeConfigsSynonym,
        for option: String
    ) -> String? {
        let spans: [(ending: String, milliseconds: Int64)] = [
            (".hours", 3_600_000), (".minutes", 60_000),
        ]
        guard option.hasSuffix(".ms"), let text = synonym.value, let number = Int64(text),
            let span = spans.first(where: { synonym.name.hasSuffix($0.ending) })
        else { return synonym.value }
        let (product, overflows) = number.multipliedReportingOverflow(by: span.milliseconds)
        return overflows ? nil : "\(number < 0 ? number : product)"
    }

    /// Topics that are asked about, all their options or these.
    private static func resources(
        _ topics: [String],
        options: [String]? = nil
    ) -> [DescribeConfigsRequest.DescribeConfigsResource] {
        topics.map {
            DescribeConfigsRequest.DescribeConfigsResource(
                resourceType: topicResource,
                resourceName: $0,
                configurationKeys: options
            )
        }
    }

    private static let topicResource: Int8 = 2
    /// Where the value of an option comes from: from the topic itself.
    private static let setForTopic: Int8 = 1

    /// What the server is told to take at most.
    var requestMilliseconds: Int32 { configuration.requestPatience.shortMilliseconds }

    /// Asks the controller, a little longer than it may take.
    func askPatiently<Request: KafkaRequest>(
        _ request: Request
    ) throws(KafkaClientError) -> Request.Response {
        try ask(
            request,
            of: .controller,
            patience: configuration.requestPatience + .seconds(5)
        )
    }
}

extension Duration {
    /// In 32 bits, as Kafka's protocol has time-outs.
    var shortMilliseconds: Int32 { Int32(clamping: wholeMilliseconds) }
}
