import Terminal

/// What failed of some topics while others were looked at.
struct TopicFailures {
    /// Nil where nothing did.
    private(set) var status: ExitStatus?

    /// Tells a failure; the command goes on with what is left.
    mutating func tell(_ failure: CommandFailure) {
        TextOutput.error.write(failure.text + "\n")
        status = failure.status
    }
}
