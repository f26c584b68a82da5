import LogModel

/// Since which offset each leader epoch wrote: `leader-epoch-checkpoint`, in Kafka's text format.
struct LeaderEpochs: Equatable, Sendable {
    private(set) var starts: [(epoch: LeaderEpoch, offset: Offset)] = []

    static let fileName = "leader-epoch-checkpoint"

    static func == (left: LeaderEpochs, right: LeaderEpochs) -> Bool {
        left.starts.elementsEqual(right.starts) { $0 == $1 }
    }

    init() {}

    /// The latest epoch; 0 for a log without records.
    var latest: LeaderEpoch { starts.last?.epoch ?? LeaderEpoch(0) }

    mutating func note(_ epoch: LeaderEpoch, at offset: Offset) {
        if starts.isEmpty || epoch > latest { starts.append((epoch, offset)) }
    }

    /// The epoch that a batch at `offset` must have.
    func expected(at offset: Offset) -> LeaderEpoch? {
        starts.last { $0.offset <= offset }?.epoch
    }

    /// Forgets epochs that begin behind `end`. One that begins there has the next batch.
    mutating func truncate(behind end: Offset) { starts.removeAll { $0.offset > end } }

    var text: String {
        "0\n\(starts.count)\n"
            + starts.map { "\($0.epoch.rawValue) \($0.offset.rawValue)\n" }.joined()
    }

    /// The epochs of a file; nil if its text makes no sense.
    init?(text: String) {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: true)
        guard lines.count >= 2, lines[0] == "0", let count = Int(lines[1]),
            lines.count - 2 == count
        else { return nil }
        for line in lines[2...] {
            let parts = line.split(separator: " ")
            guard parts.count == 2, let epoch = Int32(parts[0]), let offset = Int64(parts[1]),
                starts.last.map({ $0.epoch.rawValue < epoch && $0.offset.rawValue <= offset })
                    ?? true
            else { return nil }
            starts.append((LeaderEpoch(epoch), Offset(offset)))
        }
    }
}
