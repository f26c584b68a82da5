/// A regular expression for names of topics, as far as RE2 has it and names can need it: letters,
/// classes, groups, choices, repetitions, anchors, `\Q…\E`. It matches a name as a whole.
///
/// It comes from a client and runs in the coordinator, so no expression may cost more than its size
/// times the name's: it is run as a set of places in the program that go through the name together
/// (Thompson), never by trying out.
package struct TopicPattern: Equatable, Sendable {
    enum Instruction: Equatable, Sendable {
        case character(CharacterSet)
        /// Goes on at both.
        case fork(Int, Int)
        case jump(Int)
        case beginning
        case end
        case wordBoundary(isWanted: Bool)
    }

    /// ASCII, which is all that names have: bit 65 is `A`.
    typealias CharacterSet = UInt128

    /// What an expression may have in bytes.
    package static let byteLimit = 4_096
    /// What it may become; repetitions multiply.
    static let instructionLimit = 1_000
    /// How much is done for that: what is repeated may be nothing.
    static let compilerStepLimit = 10_000
    static let depthLimit = 100

    private let program: [Instruction]

    /// Reads `text`; throws RE2's words for what is wrong with it.
    package init(_ text: String) throws(TopicPatternError) {
        guard text.utf8.count <= Self.byteLimit else { throw TopicPatternError("too long") }
        var parser = TopicPatternParser(text)
        let node = try parser.parse()
        var compiler = TopicPatternCompiler()
        try compiler.add(node)
        program = compiler.instructions
    }

    /// Whether the name as a whole is what the expression says.
    package func matches(_ name: String) -> Bool {
        let text = Array(name.utf8)
        var places = reached(from: [0], at: 0, in: text)
        for (index, character) in text.enumerated() {
            guard character < 128 else { return false }
            let bit: CharacterSet = 1 << CharacterSet(character)
            let next = places.filter { place in
                guard place < program.count, case .character(let set) = program[place] else {
                    return false
                }
                return set & bit != 0
            }
            if next.isEmpty { return false }
            places = reached(from: next.map { $0 + 1 }, at: index + 1, in: text)
        }
        return places.contains(program.count)
    }

    /// The places that can be reached without reading on; the end of the program is one.
    private func reached(from starts: [Int], at position: Int, in text: [UInt8]) -> [Int] {
        var seen = [Bool](repeating: false, count: program.count + 1)
        var rest = starts
        var places: [Int] = []
        while let place = rest.popLast() {
            if seen[place] { continue }
            seen[place] = true
            guard place < program.count else {
                places.append(place)
                continue
            }
            switch program[place] {
            case .character: places.append(place)
            case .fork(let first, let second): rest += [first, second]
            case .jump(let target): rest.append(target)
            case .beginning: if position == 0 { rest.append(place + 1) }
            case .end: if position == text.count { rest.append(place + 1) }
            case .wordBoundary(let isWanted):
                let before = position > 0 && Self.isWord(text[position - 1])
                let after = position < text.count && Self.isWord(text[position])
                if (before != after) == isWanted { rest.append(place + 1) }
            }
        }
        return places
    }

    private static func isWord(_ character: UInt8) -> Bool {
        character < 128 && TopicPatternParser.word & (1 << CharacterSet(character)) != 0
    }
}

/// Why an expression is none, in RE2's words.
package struct TopicPatternError: Error, Equatable {
    package let message: String

    init(_ message: String) { self.message = message }
}

/// An expression, read.
indirect enum TopicPatternNode {
    case character(TopicPattern.CharacterSet)
    case sequence([TopicPatternNode])
    case choice([TopicPatternNode])
    /// Without an end for nil.
    case repetition(TopicPatternNode, atLeast: Int, atMost: Int?)
    case assertion(TopicPattern.Instruction)
}

/// Makes the program of an expression.
struct TopicPatternCompiler {
    private(set) var instructions: [TopicPattern.Instruction] = []
    private var stepCount = 0

    mutating func add(_ node: TopicPatternNode) throws(TopicPatternError) {
        stepCount += 1
        guard stepCount <= TopicPattern.compilerStepLimit else {
            throw TopicPatternError("expression too large")
        }
        switch node {
        case .character(let set): try append(.character(set))
        case .assertion(let instruction): try append(instruction)
        case .sequence(let nodes): for node in nodes { try add(node) }
        case .choice(let nodes): try addChoice(nodes[...])
        case .repetition(let node, let least, let most):
            for _ in 0..<least { try add(node) }
            guard let most else { return try addLoop(node) }
            // Each one more may be left out, and with it all that come behind.
            var forks: [Int] = []
            for _ in least..<max(least, most) {
                forks.append(instructions.count)
                try append(.jump(0))
                try add(node)
            }
            for fork in forks { instructions[fork] = .fork(fork + 1, instructions.count) }
        }
    }

    private mutating func addLoop(_ node: TopicPatternNode) throws(TopicPatternError) {
        let fork = instructions.count
        try append(.jump(0))
        try add(node)
        try append(.jump(fork))
        instructions[fork] = .fork(fork + 1, instructions.count)
    }

    private mutating func addChoice(
        _ nodes: ArraySlice<TopicPatternNode>
    ) throws(TopicPatternError) {
        var ends: [Int] = []
        for node in nodes.dropLast() {
            let fork = instructions.count
            try append(.jump(0))
            try add(node)
            ends.append(instructions.count)
            try append(.jump(0))
            instructions[fork] = .fork(fork + 1, instructions.count)
        }
        if let last = nodes.last { try add(last) }
        for end in ends { instructions[end] = .jump(instructions.count) }
    }

    private mutating func append(
        _ instruction: TopicPattern.Instruction
    ) throws(TopicPatternError) {
        guard instructions.count < TopicPattern.instructionLimit else {
            throw TopicPatternError("expression too large")
        }
        instructions.append(instruction)
    }
}
