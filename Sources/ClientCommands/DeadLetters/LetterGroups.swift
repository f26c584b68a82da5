import DirectoryAccess
import LogModel

/// Dead letters of one kind, counted.
struct LetterGroup {
    /// What its letters have in common, in the order of what is grouped by, as a terminal shows it.
    let names: [String]
    /// The same as the letters have it; nil where they have none of it. Empty for those that are
    /// counted together because there are too many kinds.
    var values: [[UInt8]?] = []
    /// By state.
    var counts = [Int](repeating: 0, count: LetterState.allCases.count)
    /// That arrived within the last hour, whatever became of them.
    var recentCount = 0
    /// When the first of its open ones failed first.
    var oldestOpen: Timestamp?

    var openCount: Int { self[.open] }

    subscript(state: LetterState) -> Int { counts[Int(state.rawValue)] }

    mutating func add(_ letter: DeadLetterView, _ state: LetterState, recentSince: Timestamp) {
        counts[Int(state.rawValue)] += 1
        if letter.arrival >= recentSince { recentCount += 1 }
        guard state == .open else { return }
        let failure = letter.firstFailure
        oldestOpen = min(oldestOpen ?? failure, failure)
    }
}

/// What dead letters are grouped by.
enum LetterGrouping: String, CaseIterable, Sendable {
    case reason
    case topic
    case hour
    case operatorName = "operator"
    case job
    case exception
    case partition
    case replay
}

/// Groups dead letters as they pass. So many kinds are told apart, those that come later are
/// counted together: what makes kinds comes from outside.
struct LetterGroups {
    static let groupLimit = 10_000
    private static let nameLimit = 80
    private static let millisecondsPerHour: Int64 = 3_600_000

    let grouping: [LetterGrouping]
    let now: Timestamp
    private var indexes: [[UInt8]: Int] = [:]
    private(set) var groups: [LetterGroup] = []
    private var others: Int?
    private var scratch: [UInt8] = []

    init(by grouping: [LetterGrouping], now: Timestamp) {
        self.grouping = grouping
        self.now = now
    }

    mutating func add(_ letter: DeadLetterView, _ state: LetterState) {
        scratch.removeAll(keepingCapacity: true)
        for part in grouping { appendName(of: letter, part) }
        let since = Timestamp(now.rawValue - Self.millisecondsPerHour)
        groups[index(of: letter)].add(letter, state, recentSince: since)
    }

    /// The groups, those with the most open letters first.
    var sorted: [LetterGroup] {
        groups.sorted { left, right in
            left.openCount == right.openCount
                ? left.names.lexicographicallyPrecedes(right.names)
                : left.openCount > right.openCount
        }
    }

    private mutating func index(of letter: DeadLetterView) -> Int {
        if let known = indexes[scratch] { return known }
        if indexes.count >= Self.groupLimit {
            if let others { return others }
            others = groups.count
            groups.append(LetterGroup(names: grouping.map { _ in "(others)" }))
            return groups.count - 1
        }
        indexes[scratch] = groups.count
        groups.append(
            LetterGroup(
                names: grouping.map { Self.name(of: letter, $0) },
                values: grouping.map { Self.value(of: letter, $0) }
            )
        )
        return groups.count - 1
    }

    /// What tells kinds apart, each part ended by a byte that no text has; by another no text has
    /// it is told from an empty one that there is none.
    private mutating func appendName(of letter: DeadLetterView, _ part: LetterGrouping) {
        switch part {
        case .hour:
            withUnsafeBytes(of: Self.hour(of: letter)) { scratch.append(contentsOf: $0) }
        case .partition:
            let partition = letter.place.partition.partition.rawValue
            withUnsafeBytes(of: partition) { scratch.append(contentsOf: $0) }
        case .reason, .topic, .operatorName, .job, .exception, .replay:
            if let bytes = letter[Self.field(part)] {
                scratch.append(contentsOf: bytes)
            } else {
                scratch.append(0xFE)
            }
        }
        scratch.append(0xFF)
    }

    private static func field(_ part: LetterGrouping) -> DeadLetterView.Field {
        switch part {
        case .reason, .hour, .partition: .reason
        case .topic: .topic
        case .operatorName: .operatorName
        case .job: .job
        case .exception: .exception
        case .replay: .replayID
        }
    }

    private static func hour(of letter: DeadLetterView) -> Int64 {
        letter.arrival.rawValue / millisecondsPerHour
    }

    private static func name(of letter: DeadLetterView, _ part: LetterGrouping) -> String {
        switch part {
        case .hour: hourText(hour(of: letter))
        case .partition: "\(letter.place.partition.partition.rawValue)"
        case .reason, .topic, .operatorName, .job, .exception, .replay:
            letter[field(part)].map { LetterText.shown($0, limit: nameLimit) } ?? "-"
        }
    }

    private static func value(of letter: DeadLetterView, _ part: LetterGrouping) -> [UInt8]? {
        switch part {
        case .hour, .partition: Array(name(of: letter, part).utf8)
        case .reason, .topic, .operatorName, .job, .exception, .replay:
            letter[field(part)].map { Array($0) }
        }
    }

    /// `2026-01-31T05`.
    private static func hourText(_ hour: Int64) -> String {
        String(utcText(Timestamp(hour * millisecondsPerHour)).prefix(13))
    }
}
