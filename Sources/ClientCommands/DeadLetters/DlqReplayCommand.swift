import DirectoryAccess
import KafkaClient
import LogModel
import Terminal

/// `millrace dlq replay`: the records of dead letters go back to where they came from.
enum DlqReplayCommand {
    private static let to = Parameter.optional(
        "to",
        .nonemptyText("TARGET"),
        help: "another topic instead, by key"
    )
    private static let side = Parameter.flag(
        "side",
        help: "to a topic beside the one they came from, SOURCE-replay, made if it is not there"
    )
    private static let batch = Parameter.option(
        "batch",
        ValueKind<LetterReplay.BatchSizes>.batchSizes,
        default: LetterReplay.BatchSizes(first: 100, most: 100),
        shown: "100",
        help: "how many in a transaction; 100..10000 doubles after each, up to the second"
    )
    private static let limit = Parameter.optional(
        "max",
        .integer(1...Int.max),
        help: "end after so many"
    )
    private static let stops = Parameter.flag(
        "stop-on-refail",
        help: "wait after each batch for the job to come past it; stop if one failed again"
    )
    private static let group = Parameter.optional(
        "group",
        .nonemptyText("GROUP"),
        help: "whom --stop-on-refail waits for, instead of the dead letters' job"
    )
    private static let patience = Parameter.option(
        "wait",
        .duration,
        default: .seconds(60),
        shown: "60s",
        help: "how long --stop-on-refail waits for a batch"
    )
    private static let hold = Parameter.option(
        "hold",
        ValueKind<HoldPassage>.choice("WORD"),
        default: .pass,
        shown: "pass",
        help: "whether keys that are held are passed by or freed too"
    )

    private static let force = Parameter.flag(
        "force",
        help: "also dead letters that may have been replayed before, as far as notes can tell"
    )

    static let command = Command(
        "replay",
        summary: "send the records of dead letters back",
        discussion: "A record goes with its key, value, timestamp and own headers to the partition "
            + "that it came from, as\na new record at its end. Each batch is one transaction: its "
            + "records are there and the dead letters are\nreplayed, or neither, whatever happens "
            + "to this command. Records that fail again have new dead letters, whose\nheader "
            + "__millrace.replay.id says so.\n\n" + LetterConditions.help,
        parameters: [
            DlqCommands.topic.declaration, DlqCommands.conditions.declaration,
            LetterChoice.all.declaration, batch.declaration, stops.declaration,
            patience.declaration, group.declaration, to.declaration, side.declaration,
            hold.declaration, limit.declaration, force.declaration,
            LetterChoice.dryRun.declaration,
        ] + LogOption.parameters,
        examples: [
            .init(
                "millrace dlq replay charges-dead-letters --where reason=refused "
                    + "--batch 100..10000 --stop-on-refail",
                "one kind, in growing batches"
            ),
            .init("millrace dlq replay charges-dead-letters --all --dry-run", "what would be done"),
        ],
        exits: [
            .init("2", "with --stop-on-refail: a record failed again"),
            .signalled("ended it before all were replayed"),
        ]
    ) { invocation in
        let choice = try LetterChoice(invocation)
        guard invocation[to] == nil || !invocation[side] else {
            throw UsageError("give either --to or --side: they name two targets")
        }
        guard invocation[stops] || invocation[group] == nil else {
            throw UsageError("--group says whom --stop-on-refail waits for: give that too")
        }
        let destination: ReplayTargets.Destination =
            invocation[side] ? .side : invocation[to].map { .topic($0) } ?? .source
        guard !invocation[stops] || destination == .source || invocation[group] != nil else {
            throw UsageError("name who reads the other topic: --group GROUP")
        }
        let signals = try SignalListener.start()
        return try withCluster(invocation) { log in
            if invocation[stops], log.isOpenedHere, !choice.isDryRun {
                throw CommandFailure(
                    "--stop-on-refail cannot know whether records fail again",
                    place: "\(log.place)",
                    reason: "no job runs on the directory while this command has it open",
                    next: "start the job first, or leave --stop-on-refail out"
                )
            }
            do {
                return try run(choice, destination, invocation, log, signals)
            } catch is ScanStopped {
                TextOutput.standard.write(
                    choice.isDryRun
                        ? LetterChoice.lookedShort
                        : "replayed 0 dead letters\n" + LetterChoice.cutShort
                )
                return signals.request ?? .done
            }
        }
    }

    private static func run(
        _ choice: LetterChoice,
        _ destination: ReplayTargets.Destination,
        _ invocation: Invocation,
        _ log: ServedLog,
        _ signals: SignalListener
    ) throws -> ExitStatus {
        var targets = ReplayTargets(
            log,
            lettersOf: choice.topic,
            destination,
            now: choice.now,
            makesTopics: !choice.isDryRun
        )
        try targets.refuseImpossible()
        let letters = try choice.letters(in: log, signals)
        let cause = choice.cause(.replay, letters, target: destination.words)
        func passage(_ targets: ReplayTargets) -> LetterPassage {
            LetterPassage(
                id: cause.id,
                hold: invocation[hold],
                targets: targets,
                sources: SourceRecords(log)
            )
        }
        // Where nothing was noted yet and nothing is to be, no topic is made for it.
        if try choice.isDryRun || !log.hasAudit(of: letters) {
            let states = try log.states(of: letters) { signals.request != nil }
            if !invocation[force] { try log.refuseDoubts(about: letters, choice, states, signals) }
            targets.makesTopics = false
            let rehearsal = try LetterRehearsal(
                letters,
                choice,
                states,
                passage(targets),
                limit: choice.isDryRun ? invocation[limit] ?? Int.max : 1,
                in: log
            ) { signals.request != nil }
            if choice.isDryRun {
                rehearsal.tell()
                return end(rehearsal, LetterChoice.lookedShort, signals)
            }
            if rehearsal.counts.isEmpty {
                TextOutput.standard.write("replayed 0 dead letters\n")
                return end(rehearsal, LetterChoice.cutShort, signals)
            }
            targets.makesTopics = true
        }
        return try replay(letters, choice, cause, passage(targets), invocation, log, signals)
    }

    /// Says what is left open, and `words` where a signal ended the looking.
    private static func end(
        _ rehearsal: LetterRehearsal,
        _ words: String,
        _ signals: SignalListener
    ) -> ExitStatus {
        report(rehearsal.obstacles)
        guard rehearsal.isCutShort else { return .done }
        TextOutput.standard.write(words)
        return signals.request ?? .done
    }

    private static func replay(
        _ letters: LetterTopic,
        _ choice: LetterChoice,
        _ cause: AuditRecord.Cause,
        _ passage: LetterPassage,
        _ invocation: Invocation,
        _ log: ServedLog,
        _ signals: SignalListener
    ) throws -> ExitStatus {
        let audit = try AuditWriter(letters, cause: cause, in: log)
        let states = try log.states(of: letters, areSettled: true) { signals.request != nil }
        if !invocation[force] { try log.refuseDoubts(about: letters, choice, states, signals) }
        let watch = RefailWatch(
            log,
            letters,
            id: cause.id,
            group: invocation[group],
            patience: invocation[patience],
            signals
        )
        let replay = LetterReplay(
            audit,
            passage,
            sizes: invocation[batch],
            limit: invocation[limit] ?? Int.max,
            watch: invocation[stops] ? watch : nil
        )
        var isCutShort = false
        do {
            isCutShort = try log.scanLetters(
                of: letters,
                choice.conditions,
                states,
                isStopped: { signals.request != nil }
            ) { letter, _ in try replay.add(letter) }
            if !isCutShort, !replay.isInterrupted, replay.refailure == nil {
                _ = try replay.finishBatch()
            }
            isCutShort = isCutShort || replay.isInterrupted
            if audit.producer.isOpen { try audit.takeBack() }
            try audit.settle()
        } catch {
            if audit.committedCount > 0 { report(audit, cause.id) }
            throw audit.abandon(after: error)
        }
        report(audit, cause.id)
        report(replay.obstacles)
        if isCutShort { TextOutput.standard.write(LetterChoice.cutShort) }
        guard let refailure = replay.refailure else {
            return isCutShort ? signals.request ?? .done : .done
        }
        let next = log.place.next("dlq show \(argument: letters.name) --where replay=\(cause.id)")
        TextOutput.standard.write(
            "stopped: \(counted(refailure.count, "record")) of this replay failed again; the first "
                + "is offset \(refailure.first.offset.rawValue) of \(refailure.first.partition): "
                + "\(refailure.message)\nnext: \(next)\n"
        )
        return .found
    }

    private static func report(_ audit: AuditWriter, _ id: String) {
        TextOutput.standard.write(
            "replayed \(counted(audit.committedCount, "dead letter")) in "
                + "\(counted(audit.transactionCount, "transaction")), replay \(id)\n"
        )
    }

    private static func report(_ obstacles: [ReplayTargets.Obstacle: Int]) {
        for obstacle in ReplayTargets.Obstacle.allCases {
            guard let count = obstacles[obstacle] else { continue }
            TextOutput.standard.write(
                "left open: \(counted(count, "dead letter")), \(obstacle.rawValue)\n"
            )
        }
    }
}

extension ReplayTargets.Destination {
    /// As an audit record has it.
    fileprivate var words: String {
        switch self {
        case .source: "source"
        case .topic(let name): name
        case .side: "side"
        }
    }
}

extension ValueKind where Value == LetterReplay.BatchSizes {
    /// `100`, or `100..10000`.
    fileprivate static var batchSizes: ValueKind {
        let most = AuditWriter.letterLimit
        return ValueKind(
            placeholder: "N",
            expectation: "a number from 1 to \(most), or two with .. between"
        ) { text in
            let ends = text.split(separator: "..", omittingEmptySubsequences: false)
            guard ends.count <= 2, let first = Int(ends[0]), first >= 1,
                let last = ends.count == 2 ? Int(ends[1]) : first, last >= first, last <= most
            else { return nil }
            return LetterReplay.BatchSizes(first: first, most: last)
        }
    }
}
