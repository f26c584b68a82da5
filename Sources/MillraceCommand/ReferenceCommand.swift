import Foundation
import FoundationErrors
import Terminal

/// `millrace reference`: writes the pages of docs/reference, as scripts/reference has it. It is for
/// those who work on Millrace, and help leaves it out.
enum ReferenceCommand {
    private static let directory = Parameter.argument(
        .path("DIR", .folder),
        help: "where the pages go"
    )

    static let command = Command(
        "reference",
        summary: "write the pages of the reference",
        parameters: [directory.declaration],
        examples: [.init("millrace reference docs/reference", "a page for each group of commands")],
        isHidden: true
    ) { invocation in
        let folder = URL(filePath: invocation[directory])
        do {
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            for page in ReferencePages(of: MillraceCommand.root, introduction: introduction).pages {
                try Data(page.text.utf8).write(to: folder.appending(path: page.name))
            }
        } catch {
            throw CommandFailure(
                "the pages cannot be written",
                place: folder.path,
                reason: systemWords(of: error),
                next: "give another DIR"
            )
        }
        return .done
    }

    private static let introduction =
        "What each command takes, and how it ends: as `--help` has it, for `scripts/reference`\n"
        + "makes these pages of the commands themselves. What belongs together says\n"
        + "[the command line](../cli.md)."
}
