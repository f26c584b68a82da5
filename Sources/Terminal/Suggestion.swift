/// Guesses which word was meant.
package enum Suggestion {
    /// The candidate fewest edits away from `word`, if that is few enough to be a slip: one in
    /// three characters, and not the only one.
    package static func nearest(to word: String, among candidates: [String]) -> String? {
        let limit = min(max(1, word.count / 3), max(0, word.count - 1))
        var best: (distance: Int, candidate: String)? = nil
        for candidate in candidates {
            var distance = editDistance(word.lowercased(), candidate.lowercased())
            if word.count >= 3 && candidate.hasPrefix(word) { distance = min(distance, 1) }
            if distance <= limit, distance < best?.distance ?? Int.max {
                best = (distance, candidate)
            }
        }
        return best?.candidate
    }

    /// Insertions, deletions, replacements and swaps of neighbours between two words.
    package static func editDistance(_ left: String, _ right: String) -> Int {
        let left = Array(left)
        let right = Array(right)
        guard !left.isEmpty, !right.isEmpty else { return max(left.count, right.count) }
        var beforePrevious: [Int] = []
        var previous = Array(0...right.count)
        for row in 1...left.count {
            var current = [row]
            for column in 1...right.count {
                let replaced = left[row - 1] == right[column - 1] ? 0 : 1
                var cost = min(
                    previous[column] + 1,
                    current[column - 1] + 1,
                    previous[column - 1] + replaced
                )
                if row > 1, column > 1, left[row - 1] == right[column - 2],
                    left[row - 2] == right[column - 1]
                {
                    cost = min(cost, beforePrevious[column - 2] + 1)
                }
                current.append(cost)
            }
            beforePrevious = previous
            previous = current
        }
        return previous[right.count]
    }
}
