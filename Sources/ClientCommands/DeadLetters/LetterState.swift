import DirectoryAccess
import LogModel

/// What was done about a dead letter last.
enum LetterState: UInt8, CaseIterable {
    /// Nothing.
    case open = 0
    /// Its record is in a topic again.
    case replayed = 1
    /// It is put aside for a person.
    case parked = 2
    /// It is given up.
    case dropped = 3

    var word: String {
        switch self {
        case .open: "open"
        case .replayed: "replayed"
        case .parked: "parked"
        case .dropped: "dropped"
        }
    }

    init?(word: some StringProtocol) {
        guard let state = Self.allCases.first(where: { $0.word == word }) else { return nil }
        self = state
    }
}

extension AuditRecord.Action {
    var state: LetterState {
        switch self {
        case .replay: .replayed
        case .park: .parked
        case .drop: .dropped
        }
    }
}

/// The states of all dead letters of a topic: two bits for each, and none for those of which
/// nothing was noted.
struct LetterStates {
    private static let lettersPerWord = 32
    private static let wordsPerChunk = 128
    /// The lower one of each two bits.
    private static let lowerBits: UInt64 = 0x5555_5555_5555_5555
    private static let lettersPerChunk = Int64(lettersPerWord * wordsPerChunk)

    private var chunks: [TopicPartition: [Int64: [UInt64]]] = [:]
    /// What there is of each partition: nothing else is noted, whatever an audit record says.
    private let bounds: [TopicPartition: Range<Int64>]
    /// Why some that seem open may have been dealt with.
    var doubt = NoteDoubt()

    init(of bounds: [TopicPartition: Range<Int64>]) { self.bounds = bounds }

    func state(of place: LetterPlace) -> LetterState {
        let offset = place.offset.rawValue
        guard offset >= 0,
            let chunk = chunks[place.partition]?[offset / Self.lettersPerChunk]
        else { return .open }
        let index = Int(offset % Self.lettersPerChunk)
        let bits = chunk[index / Self.lettersPerWord] >> (2 * (index % Self.lettersPerWord)) & 3
        return LetterState(rawValue: UInt8(bits)) ?? .open
    }

    /// Of how many something was done.
    var dealtWithCount: Int {
        chunks.values.joined().reduce(0) { count, chunk in
            chunk.value.reduce(count) { count, word in
                // Either bit of a letter, in the place of its lower one.
                count + ((word | word >> 1) & Self.lowerBits).nonzeroBitCount
            }
        }
    }

    /// Notes what was done about these dead letters.
    mutating func note(
        _ state: LetterState,
        of offsets: ClosedRange<Int64>,
        in partition: TopicPartition
    ) {
        guard let known = bounds[partition], !known.isEmpty else { return }
        let range = offsets.clamped(to: known.lowerBound...(known.upperBound - 1))
        guard range.overlaps(offsets) else { return }
        var offset = range.lowerBound
        while offset <= range.upperBound {
            let number = offset / Self.lettersPerChunk
            let end = min(range.upperBound, (number + 1) * Self.lettersPerChunk - 1)
            let first = Int(offset % Self.lettersPerChunk)
            let last = Int(end % Self.lettersPerChunk)
            Self.fill(
                &chunks[partition, default: [:]][
                    number,
                    default: Array(repeating: 0, count: Self.wordsPerChunk)
                ],
                first...last,
                state
            )
            offset = end + 1
        }
    }

    private static func fill(
        _ words: inout [UInt64],
        _ range: ClosedRange<Int>,
        _ state: LetterState
    ) {
        // The two bits in all of the 32 places of a word.
        let pattern = UInt64(state.rawValue) &* lowerBits
        for index in (range.lowerBound / lettersPerWord)...(range.upperBound / lettersPerWord) {
            let first = max(range.lowerBound - index * lettersPerWord, 0)
            let last = min(range.upperBound - index * lettersPerWord, lettersPerWord - 1)
            let ones = UInt64.max >> (2 * (lettersPerWord - 1 - (last - first)))
            let mask = ones << (2 * first)
            words[index] = words[index] & ~mask | pattern & mask
        }
    }
}
