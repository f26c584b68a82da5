import KafkaClient
import LogModel
import Terminal

/// What a replay would do, found out without doing it.
struct LetterRehearsal {
    /// How many dead letters would be replayed, by the topics that they would go to.
    private(set) var counts: [String: Int] = [:]
    /// Those that would be left open, by why.
    private(set) var obstacles: [ReplayTargets.Obstacle: Int] = [:]
    /// Whether it was ended before all were looked at.
    private(set) var isCutShort = false

    /// Looks at the dead letters that are meant, until so many would be replayed.
    init(
        _ letters: LetterTopic,
        _ choice: LetterChoice,
        _ destination: ReplayTargets.Destination,
        limit: Int,
        in log: ServedLog,
        isStopped: () -> Bool
    ) throws {
        var targets = ReplayTargets(
            log,
            letters,
            destination,
            now: choice.now,
            makesTopics: false
        )
        var sources = SourceRecords(log)
        var left = limit
        let states = try log.states(of: letters, isStopped: isStopped)
        var (counts, obstacles) = (self.counts, self.obstacles)
        isCutShort = try log.scanLetters(
            of: letters,
            choice.conditions,
            states,
            isStopped: isStopped
        ) { letter, _ in
            switch try targets.target(of: letter) {
            case .success(let target):
                // Its record is taken from where it came.
                if letter[.leftOut] != nil, try sources.presence(of: letter) != .there {
                    obstacles[.isGone, default: 0] += 1
                    return true
                }
                counts[target.partition.topic, default: 0] += 1
                left -= 1
            case .failure(let obstacle): obstacles[obstacle, default: 0] += 1
            }
            return left > 0
        }
        (self.counts, self.obstacles) = (counts, obstacles)
    }

    /// Says it, but for what is left open.
    func tell() {
        if counts.isEmpty, !isCutShort {
            TextOutput.standard.write("nothing would be replayed\n")
        }
        for (topic, count) in counts.sorted(by: { $0.key < $1.key }) {
            TextOutput.standard.write(
                "would be replayed to \(topic): \(counted(count, "dead letter"))\n"
            )
        }
    }
}
