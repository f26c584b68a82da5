import Terminal

/// Prints findings as they come, and counts them.
struct DoctorReport {
    private let asJSON: Bool
    private(set) var warningCount = 0
    private var noteCount = 0

    init(asJSON: Bool) { self.asJSON = asJSON }

    mutating func tell(_ findings: [Finding]) {
        for finding in findings {
            switch finding.level {
            case .good: break
            case .note: noteCount += 1
            case .warning: warningCount += 1
            }
            TextOutput.standard.write(asJSON ? finding.json : finding.text)
        }
    }

    /// What all of it amounts to; in JSON the exit code says it.
    func tellVerdict(of directory: String) {
        guard !asJSON else { return }
        let verdict = warningCount == 0 ? "all is well" : counted(warningCount, "warning")
        let notes = noteCount == 0 ? "" : ", \(counted(noteCount, "note"))"
        TextOutput.standard.write("\n\(directory): \(verdict)\(notes)\n")
    }
}
