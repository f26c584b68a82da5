package import Bytes

/// Topics and their options as KRaft's metadata log tells them: the records of the log, in order,
/// make it. Records about anything else are passed over.
///
///     frame version  unsigned varint, 1
///     type           unsigned varint
///     version        unsigned varint
///     message        in the flexible encoding: compact lengths, tagged fields at the end
package struct ClusterMetadata: Equatable, Sendable {
    /// What is known of one topic.
    package struct Topic: Equatable, Sendable {
        package var id: UniqueID
        /// One more than the highest partition number.
        package var partitionCount: Int32 = 0
        /// The most that a partition of it has.
        package var replicaCount = 0
        package var options: [String: String] = [:]
    }

    /// The topics that exist, by name.
    package private(set) var topics: [String: Topic] = [:]
    /// The options that brokers were given for all topics, in the words of topic options, by the
    /// broker's number; those of all brokers under no name.
    private(set) var brokerOptions: [String: [String: String]] = [:]
    /// What could not be read, in words.
    package internal(set) var problems: [String] = []
    /// Whether all of it was read: what was not may have changed any option.
    package internal(set) var isWhole = true

    private var namesByID: [UniqueID: String] = [:]
    /// Options may be told before their topic in a snapshot.
    private var optionsByName: [String: [String: String]] = [:]

    package init() {}

    /// The types of the records that matter, with the versions whose layout is known.
    private enum RecordType: UInt32 {
        case topic = 2
        case partition = 3
        case option = 4
        case removeTopic = 9

        var versions: ClosedRange<UInt32> { self == .partition ? 0...2 : 0...0 }
    }

    /// The records that begin and end a metadata transaction.
    enum TransactionStep: UInt32 {
        case begin = 23
        case end = 24
        case abort = 25
    }

    /// Kafka's types of configured things.
    private static let topicResource: Int8 = 2
    private static let brokerResource: Int8 = 4

    /// The step of a metadata transaction that a record is; nil for all others.
    static func transactionStep(of value: UnsafeRawBufferPointer) -> TransactionStep? {
        var reader = ByteReader(value)
        guard let frame = try? reader.readUnsignedVarint(), frame == 1,
            let type = try? reader.readUnsignedVarint()
        else { return nil }
        return TransactionStep(rawValue: type)
    }

    /// Takes over the value of a record.
    mutating func apply(_ value: UnsafeRawBufferPointer) throws(WireError) {
        var reader = ByteReader(value)
        let frame = try reader.readUnsignedVarint()
        guard frame == 1 else { throw .unsupportedVersion(Int16(clamping: frame)) }
        guard let type = RecordType(rawValue: try reader.readUnsignedVarint()) else { return }
        let version = try reader.readUnsignedVarint()
        guard type.versions.contains(version) else {
            throw .unsupportedVersion(Int16(clamping: version))
        }
        switch type {
        case .topic: try applyTopic(&reader)
        case .partition: try applyPartition(&reader)
        case .option: try applyOption(&reader)
        case .removeTopic: removeTopic(try reader.readUniqueID())
        }
    }

    /// Name, id.
    private mutating func applyTopic(_ reader: inout ByteReader) throws(WireError) {
        let name = try reader.readString(isCompact: true)
        let id = try reader.readUniqueID()
        topics[name] = Topic(id: id, options: optionsByName[name] ?? [:])
        namesByID[id] = name
    }

    /// Number, topic id, replicas; leader and epochs follow and are of no use here.
    private mutating func applyPartition(_ reader: inout ByteReader) throws(WireError) {
        let number: Int32 = try reader.readInteger()
        let id = try reader.readUniqueID()
        guard let name = namesByID[id], number >= 0, number < Int32.max else { return }
        let replicas = try reader.readCount(isCompact: true)
        guard var topic = topics[name] else { return }
        topic.partitionCount = max(topic.partitionCount, number + 1)
        topic.replicaCount = max(topic.replicaCount, replicas)
        topics[name] = topic
    }

    /// Type of the resource, its name, the option's name, its value or null for the default.
    private mutating func applyOption(_ reader: inout ByteReader) throws(WireError) {
        let resource: Int8 = try reader.readInteger()
        let owner = try reader.readString(isCompact: true)
        let name = try reader.readString(isCompact: true)
        let value = try reader.readNullableString(isCompact: true)
        switch resource {
        case Self.topicResource:
            optionsByName[owner, default: [:]][name] = value
            topics[owner]?.options[name] = value
        case Self.brokerResource:
            if let topicName = BrokerDefaults.topicNames[name] {
                brokerOptions[owner, default: [:]][topicName] = value
            }
        default: break
        }
    }

    /// Takes note of something that cannot be read.
    mutating func noteDamage(_ words: String) {
        problems.append(words)
        isWhole = false
    }

    private mutating func removeTopic(_ id: UniqueID) {
        guard let name = namesByID.removeValue(forKey: id), topics[name]?.id == id else { return }
        topics[name] = nil
        optionsByName[name] = nil
    }
}
