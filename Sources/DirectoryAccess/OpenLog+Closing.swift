import LogStorage
package import Terminal

extension OpenLog {
    /// Says which topics are not whole because the import that made them was killed.
    package func warnOfUnfinishedImports() throws(CommandFailure) {
        let entries = try unfinishedImports()
        let known = entries.filter { $0.id != nil }.map(\.name)
        if !known.isEmpty {
            TextOutput.error.write(
                "warning: an import was killed on its way; import again or delete what is not "
                    + "whole: \(known.joined(separator: ", "))\n"
            )
        }
        let unknown = entries.filter { $0.id == nil }.map(\.name)
        if !unknown.isEmpty {
            TextOutput.error.write(
                "warning: \(Self.words(ofUnknownImports: unknown))\n"
            )
        }
    }

    /// What is said of topics of which an older program's ledger has the names alone: what bears
    /// such a name now may be anybody's.
    package static func words(ofUnknownImports names: [String]) -> String {
        "an import by an older program was killed on its way, and did not say which topics it had "
            + "made: look whether these are whole, nothing was removed: "
            + names.joined(separator: ", ")
    }
}

/// Closes the log after `body`, whatever happens.
package func closing<Result>(_ log: OpenLog, _ body: () throws -> Result) throws -> Result {
    let result = Swift.Result {
        try log.warnOfUnfinishedImports()
        return try body()
    }
    let closing = Swift.Result { try log.close() }
    let value = try result.mapError { error -> any Error in
        error is UsageError ? error : CommandFailure(explaining: error, data: log.directory)
    }.get()
    try closing.get()
    return value
}
