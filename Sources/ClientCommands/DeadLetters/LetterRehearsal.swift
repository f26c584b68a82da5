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
        _ states: LetterStates,
        _ passage: LetterPassage,
        limit: Int,
        in log: ServedLog,
        isStopped: () -> Bool
    ) throws {
        var passage = passage
        var left = limit
        var (counts, obstacles) = (self.counts, self.obstacles)
        isCutShort = try log.scanLetters(
            of: letters,
            choice.conditions,
            states,
            isStopped: isStopped
        ) { letter, _ in
            let obstacle = try passage.lend(letter) { passing in
                counts[passing.place.partition.topic, default: 0] += 1
                left -= 1
            }
            if let obstacle { obstacles[obstacle, default: 0] += 1 }
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
