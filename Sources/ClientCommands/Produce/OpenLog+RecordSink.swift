import Broker
import Coordination
import DirectoryAccess
import LogModel
import LogStorage
import Terminal

/// Records into the log that this process has opened.
extension OpenLog: RecordSink {
    func outputTopic(_ name: String) throws(CommandFailure) -> OutputTopic {
        let topic = try requireTopic(name)
        if topic.isInternal { throw place.internalTopic(name) }
        if let owner = topic.options[TopicOptionName.owner] {
            throw CommandFailure(
                "'\(topic.name)' takes no records but its job's",
                place: directory,
                reason: "it is that of \(owner) (job/name), whose state it holds or carries"
            )
        }
        try refuseUnfinished([topic.name])
        do throws(LogStorageError) {
            let options = try LogConfiguration(topicOptions: topic.options)
            let goesByTime =
                options.deletesOldSegments && !options.usesLogAppendTime
                && options.retentionMilliseconds >= 0
            return OutputTopic(
                name: name,
                id: topic.id,
                partitions: topic.partitions.map(\.name),
                largestBatch: options.maxMessageByteCount,
                retentionMilliseconds: goesByTime ? options.retentionMilliseconds : nil
            )
        } catch {
            throw CommandFailure(
                "the topic '\(topic.name)' has an option that makes no sense",
                reason: error.description
            )
        }
    }

    func makeProducerID() throws(CommandFailure) -> (ProducerID, ProducerEpoch) {
        do throws(BrokerError) {
            let reply = try broker.initProducerID(transactionalID: nil, timeout: .seconds(60))
            guard case .producer(let id, let epoch) = reply else {
                throw BrokerError.corrupt("the log gave no producer id: \(reply)")
            }
            return (id, epoch)
        } catch {
            throw CommandFailure(
                "the log gives no producer id",
                place: directory,
                data: directory,
                error
            )
        }
    }

    func append(
        _ batch: UnsafeMutableRawBufferPointer,
        of producer: ProducerID,
        to partition: TopicPartition
    ) throws(AppendFailure) {
        let outcome: AppendOutcome
        do throws(BrokerError) {
            outcome = try broker.produce(batch: batch, to: partition, flush: false)
        } catch {
            throw AppendFailure(
                failure: CommandFailure(
                    "the log takes no more",
                    place: "\(partition)",
                    data: directory,
                    partition: partition,
                    error
                )
            )
        }
        switch outcome {
        case .appended: return
        case .duplicate:
            // It sends nothing twice.
            throw AppendFailure(
                failure: CommandFailure(
                    "the log takes new records for old ones",
                    place: "\(partition)",
                    reason: "the producer id \(producer.rawValue) was another producer's: "
                        + "producer-id-block may be of an earlier copy of the directory",
                    next: "run the command again with the records that are not there: it gets "
                        + "another id"
                )
            )
        case .refused(let code, let message):
            throw AppendFailure(
                failure: CommandFailure(
                    "the log refused a batch",
                    place: "\(partition)",
                    reason: message.isEmpty ? "Kafka's error \(code.rawValue)" : message
                ),
                isTooLarge: code == .messageTooLarge
            )
        }
    }

    /// This process has the log, and deletes nothing meanwhile.
    func isStillThere(_ topic: OutputTopic) -> Bool { true }

    func flush(_ partitions: [TopicPartition]) throws(CommandFailure) {
        do {
            try broker.flush(partitions)
        } catch {
            throw CommandFailure(
                "the records are not durable",
                place: directory,
                data: directory,
                error
            )
        }
    }
}
