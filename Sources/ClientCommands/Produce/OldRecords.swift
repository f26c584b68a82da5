import DirectoryAccess
import LogModel
import Terminal

/// Records that retention deletes soon, for their own times lie too far back; pure.
struct OldRecords: Equatable {
    private let topic: String
    private let retentionMilliseconds: Int64
    /// The first time at which a record stays.
    private let first: Timestamp
    private(set) var count = 0
    private(set) var oldest = Timestamp(.max)

    /// Nil for a topic that does not go by records' times.
    init?(of topic: OutputTopic, at now: Timestamp) {
        guard let span = topic.retentionMilliseconds else { return nil }
        self.topic = topic.name
        retentionMilliseconds = span
        let (first, overflows) = now.rawValue.subtractingReportingOverflow(span)
        self.first = Timestamp(overflows ? .min : first)
    }

    /// Records without a time go by the age of the files that they are in.
    mutating func note(_ time: Timestamp) {
        guard time < first, time != .none else { return }
        count += 1
        oldest = min(oldest, time)
    }

    /// The lines of a warning; nil where there are none.
    func warning(in place: LogPlace) -> String? {
        guard count > 0 else { return nil }
        let are = count == 1 ? "is" : "are"
        let them = count == 1 ? "it" : "them"
        let alter = place.next("topic alter \(argument: topic) --config retention.ms=-1")
        return CommandFailure(
            "\(counted(count, "record")) \(are) older than '\(topic)' keeps records: retention "
                + "may delete \(them) within minutes",
            place: "\(place)",
            reason: "retention.ms is \(grouped(Int(retentionMilliseconds))) and goes by the "
                + "records' own times; the oldest is of \(utcText(oldest))",
            next: "\(alter) keeps \(them); with message.timestamp.type=LogAppendTime what is "
                + "produced from then on gets the time at which it comes"
        ).warning()
    }
}
