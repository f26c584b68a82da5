import DirectoryAccess
package import Terminal

/// The options of `plan`.
package struct PlanOptions: Sendable, Equatable {
    package let dataDirectory: String
    package let json: Bool

    private static let asJSON = Parameter.flag("json", help: "one JSON object")

    /// What `plan` declares.
    package static let parameters: [ParameterDeclaration] = [
        DataDirectoryOption.parameter.declaration, asJSON.declaration,
    ]

    /// The values of a command line.
    package init(_ invocation: Invocation) {
        dataDirectory = invocation[DataDirectoryOption.parameter]
        json = invocation[Self.asJSON]
    }

    /// The words that give these options to a job's binary.
    package var words: [String] { ["--data", dataDirectory] + (json ? ["--json"] : []) }
}
