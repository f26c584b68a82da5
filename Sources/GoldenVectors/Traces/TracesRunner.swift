/// `storage/traces`: what clients sent to a real broker, request by request, and what it answered.
/// Ours is asked the same on connections of its own, over a log in memory and a clock that the
/// runner turns. Each recorded frame is read and written, too.
struct TracesRunner: GoldenRunner {
    func accepts(_ file: GoldenFile) -> Bool { file.firstLine?["step"] != nil }

    func run(_ file: GoldenFile) throws -> GoldenReport {
        let steps = try file.lines().map { try TraceStep($0) }
        var report = GoldenReport()
        for step in steps { try checkFrames(of: step, &report) }
        let isOfVersionZero = file.folder.hasSuffix("-tv0")
        let player = try TracePlayer(steps, isOfVersionZero: isOfVersionZero)
        try player.play(steps, &report)
        try player.close()
        return report
    }

    /// Whether the recorded frames say what is told of them.
    private func checkFrames(of step: TraceStep, _ report: inout GoldenReport) throws {
        guard case .send(let request) = step.action else { return }
        if let frame = request.frame {
            let ours = try request.encoded(request.json).dropFirst(4)
            let isSame = ours.elementsEqual(frame)
            report.note(
                "step \(step.number) request",
                isSame ? nil : "encoded as \(hex(Array(ours)))"
            )
        }
        if let frame = step.answerFrame, case .answer(let json) = step.expected {
            let found = json.difference(from: try request.decode(frame))
            report.note("step \(step.number) answer's frame", found)
        }
    }
}
