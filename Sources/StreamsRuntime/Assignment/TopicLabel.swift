import LogModel
package import Streams

/// What a topic of a job's own says of itself, among its options: whose it is, and what its records
/// are in bytes. The one place where either is kept.
package struct TopicLabel: Equatable, Sendable {
    /// What a job keeps in a topic of its own.
    package enum Purpose: String, Sendable {
        /// The changes of a store.
        case store
        /// Records on their way to the partition of their new key.
        case repartition
    }

    package static let ownerOption = TopicOptionName.owner
    package static let formatOption = TopicOptionName.format

    package let job: String
    package let purpose: Purpose
    /// The name that the job's author gave to the store or the repartition.
    package let name: String
    package let format: RecordFormat
    /// Whether what is too old in it is cut off at its front, beside what compaction removes.
    package let isCutOff: Bool

    package init(
        job: String,
        purpose: Purpose,
        name: String,
        format: RecordFormat,
        isCutOff: Bool = false
    ) {
        self.job = job
        self.purpose = purpose
        self.name = name
        self.format = format
        self.isCutOff = isCutOff
    }

    /// `word-count/counts`; neither name has a slash.
    package var owner: String { "\(job)/\(name)" }

    /// The options that say it.
    package var options: [String: String] {
        [Self.ownerOption: owner, Self.formatOption: format.word]
    }
}

extension TopologySpecification {
    /// The topics of the job's own with what they say of themselves, by name: changelogs and
    /// repartition topics.
    package var labels: [String: TopicLabel] {
        var labels: [String: TopicLabel] = [:]
        for store in subtopologies.flatMap(\.stores) {
            labels[names.changelogTopic(store: store.name)] = TopicLabel(
                job: job,
                purpose: .store,
                name: store.name,
                format: store.format,
                isCutOff: store.isCutOff
            )
        }
        for item in operators {
            guard case .repartitionSink(let via, let format, _) = item.kind else { continue }
            labels[names.repartitionTopic(via: via)] = TopicLabel(
                job: job,
                purpose: .repartition,
                name: via,
                format: format
            )
        }
        return labels
    }
}

/// A topic of a job's own whose records have another format than the job's.
package struct ChangedFormat: Equatable, Sendable {
    package let topic: String
    package let label: TopicLabel
    /// The word that the topic has.
    package let found: String

    /// What is refused, and the ways on; commands get these options, so that they reach the log.
    func description(commandOptions: String) -> String {
        let differences = label.format.differences(fromWord: found)
        let way =
            switch label.purpose {
            case .store: "give it another name to begin an empty store beside it"
            case .repartition:
                "run the job as it was with --until-caught-up first"
            }
        return "the \(label.purpose.rawValue) \"\(label.name)\" has records of another format in "
            + "\(topic): \(differences). Nothing was changed; \(way), or start over with "
            + "millrace run JOB --reset \(commandOptions). If the old bytes can be read as the new "
            + "format, say so: "
            + PlanError.command(
                "topic alter",
                topic,
                "--config \(TopicLabel.formatOption)=",
                commandOptions
            )
    }
}
