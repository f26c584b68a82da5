import DirectoryAccess
import LogModel
import Terminal

/// The positions of the group that is read for.
extension Consumer {
    /// Notes the positions now and then, so that a reader that is killed repeats little.
    mutating func noteProgressIfDue() throws {
        guard plan.group != nil, progress.isDue(at: time.monotonicNanoseconds()) else { return }
        printer.output.flush()
        try noteProgress()
    }

    /// Commits the group's positions, once what they stand for is written out.
    mutating func noteProgress() throws {
        guard let group = plan.group, !printer.output.isBroken, !isOvertaken else { return }
        var news = progress.news(in: positions)
        if !news.isEmpty {
            // In the next topic of the name such a position would pass over what is there.
            let gone = try log.goneTopics(among: Set(news.keys.map(\.topic)))
            news = news.filter { !gone.contains($0.key.topic) }
        }
        if !news.isEmpty {
            let now = try log.committedOffsets(group: group, partitions: news.keys.sorted())
            let time = time.monotonicNanoseconds()
            if let move = progress.move(in: now, to: news, at: time) {
                isOvertaken = true
                throw overtaken(group, move)
            }
            try log.commitOffsets(group: group, news)
        }
        progress.note(positions, at: time.monotonicNanoseconds())
    }

    /// A reset that was made meanwhile stays, and what another reader has read is not read again.
    private func overtaken(_ group: String, _ move: GroupProgress.Move) -> CommandFailure {
        let left = move.left.map { "at \($0.rawValue)" } ?? "without a position"
        let found = move.found.map { "it is at \($0.rawValue)" } ?? "it has none"
        return CommandFailure(
            "the positions of the group '\(group)' were moved by somebody else meanwhile",
            place: "\(log.place)",
            reason: "in \(move.partition) this command left it \(left), and now \(found); what "
                + "was printed since is not noted",
            next: log.place.next("group describe \(argument: group)")
                + ", then consume again: it goes on from there"
        )
    }

    /// Notes the positions once the work failed; says so where that fails as well.
    mutating func noteProgress(after failure: CommandFailure) -> CommandFailure {
        do {
            try noteProgress()
            return failure
        } catch {
            var failure = failure
            let second = CommandFailure(explaining: error, data: log.place.directory)
            let words = "the group's position was not noted: \(second.reason ?? second.what)"
            failure.reason = failure.reason.map { "\($0); \(words)" } ?? words
            return failure
        }
    }
}
