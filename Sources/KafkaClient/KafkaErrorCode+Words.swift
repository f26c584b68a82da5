package import LogModel

extension KafkaErrorCode {
    /// What the code says of what was asked for, for people: `it has members`. Nil for codes that a
    /// command seldom meets; the name has to do then.
    private var words: String? { Self.words[rawValue] }

    /// In words as far as there are any, with the name that Kafka's documentation has.
    package var told: String { words.map { "\($0) (\(kafkaName))" } ?? kafkaName }

    private static let words: [Int16: String] = [
        -1: "the server failed, and does not say why",
        1: "there is no such offset",
        2: "what is stored there is damaged",
        3: "there is no such topic or partition",
        5: "nobody leads it now",
        6: "another node leads it now",
        7: "it took too long",
        10: "a record is larger than the topic takes",
        14: "what is known of it is still being read",
        15: "nobody coordinates it now",
        16: "another node coordinates it now",
        17: "the name is none that a topic may have, or the topic is the log's own",
        19: "too few replicas have what is written there",
        24: "the name is none that a group may have",
        25: "the member is not of the group any more",
        27: "its members are just dividing the partitions anew",
        29: "this user may not do that with the topic, or it is a job's own",
        30: "this user may not do that with the group",
        31: "this user may not do that with the cluster",
        36: "a topic of the name is there already",
        37: "the number of partitions cannot be",
        40: "an option cannot be what it was set to",
        47: "a newer producer has taken its transactional id",
        48: "its transaction does not allow that now",
        51: "another change of its transaction is under way",
        53: "this user may not do that with the transactional id",
        56: "it is offline, or its disk failed",
        58: "the login was refused",
        68: "it has members",
        69: "there is no such group",
        73: "the server lets nobody delete topics",
        87: "the topic takes no such record",
        88: "a transaction is open that holds positions of it",
        89: "the cluster's quota holds this client back",
        90: "a newer producer has taken its transactional id",
        91: "there is nothing of the name",
        100: "there is no such topic any more",
        105: "there is no such transactional id",
    ]
}
