import DirectoryAccess
import FoundationErrors
package import Terminal

/// `millrace new`: a job's package that builds, runs and passes its tests.
package enum NewCommand {
    private static let name = Parameter.argument(
        ValueKind<String>(
            placeholder: "NAME",
            expectation: "a Swift type's name, such as Orders"
        ) { text in
            guard let first = text.first, first.isASCII, first.isLetter, first.isUppercase,
                text.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber) })
            else { return nil }
            return text
        },
        help: "the job's name in Swift; the job is called by it in small letters"
    )
    private static let path = Parameter.optional(
        "path",
        .path("DIR", .folder),
        help: "the folder to make; ./NAME without it"
    )
    private static let template = Parameter.option(
        "template",
        ValueKind<JobTemplate>.choice("WORD"),
        default: .wordCount,
        shown: "word-count",
        help: "what the job does to begin with"
    )

    private static let url = Parameter.optional(
        "url",
        ValueKind<String>(
            placeholder: "URL",
            expectation: "the URL of a Git repository, such as https://HOST/PATH, ssh://HOST/PATH, "
                + "git@HOST:PATH, file:///PATH or an absolute path"
        ) { PackageSource.isRepository($0) ? $0 : nil },
        help: "the Git repository that the job takes Millrace from, in place of the folder that "
            + "this program was built in"
    )
    private static let branch = Parameter.optional(
        "branch",
        .nonemptyText("NAME"),
        help: "with --url: its branch; without this its tag \(MillraceVersion.text), which is "
            + "this program's version"
    )

    package static let command = Command(
        "new",
        summary: "make a job's package that builds, runs and passes its tests",
        discussion: "Templates:\n"
            + JobTemplate.allCases.map { "  \($0.rawValue): \($0.summary)" }
            .joined(separator: "\n")
            + "\n\nWith --url a job builds wherever Swift is, Millrace with it in the job's own "
            + "folder: the first build takes\nminutes. Without it, jobs share what was built of "
            + "Millrace.",
        parameters: [
            name.declaration, path.declaration, template.declaration, url.declaration,
            branch.declaration,
        ],
        examples: [
            .init("millrace new Mine --path ../mine", "then: millrace run ../mine"),
            .init("millrace new Orders --template saga", "its README.md has the commands"),
            .init(
                "millrace new Mine --url https://example.org/millrace.git",
                "to be built on other machines"
            ),
        ]
    ) { invocation in
        let name = invocation[name]
        let path = invocation[path] ?? name
        let home = try MillraceHome.find().path
        let source = try source(invocation, home: home)
        let folder = JobFolder(path: path)
        let files = try files(of: name, from: invocation[template], home: home, source: source)
        try folder.requireDistinct(from: source)
        try folder.requireFree()
        try folder.write(files)
        TextOutput.standard.write(
            "made the job \(name) in \(path)\n  next: millrace run \(shellPath(path))\n"
        )
        return .done
    }

    private static func files(
        of name: String,
        from template: JobTemplate,
        home: String,
        source: PackageSource
    ) throws(CommandFailure) -> [String: String] {
        if let reason = TakenNames.reason(name) ?? TakenNames.reason(name, home: home) {
            throw taken(name, reason)
        }
        do {
            if try !template.needs(name, home: home) {
                return try template.files(of: name, home: home, source: source)
            }
        } catch {
            throw CommandFailure(
                "the template cannot be read",
                place: "\(home)/Templates/\(template.rawValue)",
                reason: systemWords(of: error),
                next: "restore the folder from the Millrace checkout"
            )
        }
        throw taken(name, "the template uses a type or a module of that name")
    }

    private static func taken(_ name: String, _ reason: String) -> CommandFailure {
        CommandFailure(
            "the name is taken",
            place: name,
            reason: reason,
            next: "give another NAME"
        )
    }

    private static func source(
        _ invocation: Invocation,
        home: String
    ) throws(UsageError) -> PackageSource {
        guard let url = invocation[url] else {
            try invocation.refuse([branch.declaration], because: "is for --url")
            return .folder(home)
        }
        let branch = invocation[branch]
        return .repository(
            url: url,
            branch.map { .branch($0) } ?? .version(MillraceVersion.text)
        )
    }
}
