import Broker
package import Coordination
import KafkaWire
import LogModel
import LogStorage

/// What tools ask of transactions: DescribeProducers, DescribeTransactions, ListTransactions.
extension KafkaAPI {
    func describeProducers(
        _ request: DescribeProducersRequest,
        _ call: APICall
    ) -> DescribeProducersResponse {
        DescribeProducersResponse(
            topics: request.topics.map { topic in
                DescribeProducersResponse.TopicResponse(
                    name: topic.name,
                    partitions: topic.partitionIndexes.map { index in
                        describeProducers(of: TopicPartition(topic.name, PartitionIndex(index)))
                    }
                )
            }
        )
    }

    private func describeProducers(
        of name: TopicPartition
    ) -> DescribeProducersResponse.PartitionResponse {
        var response = DescribeProducersResponse.PartitionResponse(
            partitionIndex: name.partition.rawValue
        )
        if let problem = TopicName.problem(with: name.topic) {
            response.errorCode = KafkaErrorCode.invalidTopic.rawValue
            response.errorMessage = problem
            return response
        }
        do throws(BrokerError) {
            response.activeProducers = try broker.activeProducers(of: name).map { producer in
                DescribeProducersResponse.ProducerState(
                    producerID: producer.producerID.rawValue,
                    producerEpoch: Int32(producer.epoch.rawValue),
                    lastSequence: producer.lastSequence.rawValue,
                    lastTimestamp: producer.lastTimestamp.rawValue,
                    coordinatorEpoch: producer.coordinatorEpoch,
                    currentTxnStartOffset: producer.currentTransactionFirstOffset?.rawValue ?? -1
                )
            }
        } catch {
            response.errorCode = error.code.rawValue
            // As Kafka: words for a topic that is not there, none for a partition.
            if broker.topic(name.topic) == nil {
                response.errorMessage = Self.unknownPartitionMessage
            }
        }
        return response
    }

    func describeTransactions(
        _ request: DescribeTransactionsRequest,
        _ call: APICall
    ) -> DescribeTransactionsResponse {
        DescribeTransactionsResponse(
            transactionStates: request.transactionalIDs.map { id in
                var state = DescribeTransactionsResponse.TransactionState(transactionalID: id)
                guard !id.isEmpty else {
                    state.errorCode = KafkaErrorCode.invalidRequest.rawValue
                    return state
                }
                guard let known = broker.describeTransaction(id) else {
                    state.errorCode = KafkaErrorCode.transactionalIDNotFound.rawValue
                    return state
                }
                state.transactionState = known.state.kafkaName
                state.transactionTimeoutMs = known.timeoutMilliseconds
                state.transactionStartTimeMs = known.startTime.rawValue
                state.producerID = known.producerID.rawValue
                state.producerEpoch = known.epoch.rawValue
                let topics = Dictionary(grouping: known.partitions.map(\.name), by: \.topic)
                state.topics = topics.sorted { $0.key < $1.key }.map { topic, partitions in
                    DescribeTransactionsResponse.TopicData(
                        topic: topic,
                        partitions: partitions.map(\.partition.rawValue).sorted()
                    )
                }
                return state
            }
        )
    }

    func listTransactions(
        _ request: ListTransactionsRequest,
        _ call: APICall
    ) -> ListTransactionsResponse {
        let names = Set(TransactionState.allCases.map(\.kafkaName))
        let states = Set(request.stateFilters)
        var response = ListTransactionsResponse(
            unknownStateFilters: states.subtracting(names).sorted()
        )
        var pattern: TopicPattern?
        if let text = request.transactionalIDPattern, !text.isEmpty {
            do throws(TopicPatternError) { pattern = try TopicPattern(text) } catch {
                response.errorCode = KafkaErrorCode.invalidRegularExpression.rawValue
                return response
            }
        }
        // Filters that nobody knows do not stand for no filter.
        if !states.isEmpty, states.isDisjoint(with: names) { return response }
        let producers = Set(request.producerIDFilters)
        let now = broker.clock.wallTime()
        for id in broker.transactionalIDs() {
            guard let known = broker.describeTransaction(id),
                states.isEmpty || states.contains(known.state.kafkaName),
                producers.isEmpty || producers.contains(known.producerID.rawValue),
                pattern?.matches(id) ?? true,
                lasts(known, longerThan: request.durationFilter, at: now)
            else { continue }
            response.transactionStates.append(
                ListTransactionsResponse.TransactionState(
                    transactionalID: id,
                    producerID: known.producerID.rawValue,
                    transactionState: known.state.kafkaName
                )
            )
        }
        return response
    }

    /// A negative duration asks for all.
    private func lasts(
        _ transaction: TransactionMetadata,
        longerThan milliseconds: Int64,
        at now: Timestamp
    ) -> Bool {
        guard milliseconds >= 0 else { return true }
        let (age, overflow) = now.rawValue.subtractingReportingOverflow(
            transaction.startTime.rawValue
        )
        return !transaction.state.isIdle && !overflow && age > milliseconds
    }
}

extension TransactionState {
    /// As tools know it.
    package var kafkaName: String {
        switch self {
        case .empty: "Empty"
        case .ongoing: "Ongoing"
        case .prepareCommit: "PrepareCommit"
        case .prepareAbort: "PrepareAbort"
        case .completeCommit: "CompleteCommit"
        case .completeAbort: "CompleteAbort"
        case .dead: "Dead"
        case .prepareEpochFence: "PrepareEpochFence"
        }
    }
}
