import KafkaDirectory
import LogModel
import LogStorage

/// The options that a topic of Kafka's has in effect: its own, then its broker's, then those of all
/// brokers. Where that cannot be told, none that deletes records takes the place of one that may
/// have kept them.
struct EffectiveOptions {
    private(set) var values: [String: String] = [:]
    /// What a person should know, a line each.
    private(set) var notes: [String] = []
    /// Options that ours does not know.
    private(set) var unknown: [String] = []

    /// The options that decide whether records are deleted, each with the value that keeps most.
    private static let keeping: [String: String] = [
        "cleanup.policy": "", "retention.ms": "-1", "retention.bytes": "-1",
        "min.compaction.lag.ms": "\(Int64.max)", "max.compaction.lag.ms": "\(Int64.max)",
        "delete.retention.ms": "\(Int64.max)", "min.cleanable.dirty.ratio": "1",
    ]

    /// - Parameters:
    ///   - own: of the topic; nil where nothing tells them.
    ///   - isWhole: Whether all of the metadata log was read.
    init(of topic: String, own: [String: String]?, broker: BrokerDefaults, isWhole: Bool) {
        let all = broker.values.merging(own ?? [:]) { $1 }
        let isSure = own != nil && isWhole
        for (name, value) in all.sorted(by: { $0.key < $1.key }) {
            // What deletes by one list may be kept by the one that is not known.
            if !isSure, Self.keeping[name] != nil { continue }
            take(name, value, of: topic)
        }
        guard isSure else {
            if own != nil { notes.append(Self.wordsOfDamage(topic)) }
            return
        }
        for name in broker.doubtful.sorted() where values[name] == nil {
            guard let most = Self.keeping[name] else { continue }
            values[name] = most
            notes.append(
                "\(topic): brokers have \(name) of their own, and meta.properties does not say "
                    + "which one this is: \(Self.words(name, most))"
            )
        }
        settleConflict(of: topic)
    }

    /// Of two lags that contradict each other the one that keeps counts.
    private mutating func settleConflict(of topic: String) {
        let name = "max.compaction.lag.ms"
        do throws(LogStorageError) {
            try LogConfiguration(topicOptions: values).refuseConflicts()
        } catch {
            guard let most = Self.keeping[name] else { return }
            values[name] = most
            notes.append("\(topic): \(Self.words(of: error)): \(Self.words(name, most))")
        }
    }

    private mutating func take(_ name: String, _ text: String, of topic: String) {
        guard LogConfiguration.names.contains(name) else {
            unknown.append(name)
            return
        }
        let value = text.filter { !$0.isWhitespace }
        do throws(LogStorageError) {
            _ = try LogConfiguration(topicOptions: [name: value])
            values[name] = value
        } catch {
            let reason = Self.words(of: error)
            guard let most = Self.keeping[name] else {
                notes.append("\(topic): \(name)=\(value) is left out: \(reason)")
                return
            }
            values[name] = most
            notes.append(
                "\(topic): \(name)=\(value) makes no sense here (\(reason)): "
                    + Self.words(name, most)
            )
        }
    }

    private static func words(_ name: String, _ most: String) -> String {
        "records are kept (\(name)=\(most)); --config TOPIC:\(name)=VALUE says otherwise"
    }

    private static func wordsOfDamage(_ topic: String) -> String {
        "\(topic): the metadata log cannot be read whole, so that its options of retention and "
            + "compaction may be out of date and are left out"
    }

    /// What is wrong with an option.
    static func words(of error: LogStorageError) -> String {
        if case .invalidConfiguration(let text) = error { return text }
        return "its value makes no sense"
    }
}
