/// A program's reference as Markdown, made of what its commands say of themselves: a page for each
/// command of the root, and one that leads to them.
package struct ReferencePages {
    package struct Page: Equatable, Sendable {
        /// The file's name.
        package var name: String
        package var text: String
    }

    private let root: Command
    /// What stands above the list of pages.
    private let introduction: String

    package init(of root: Command, introduction: String) {
        self.root = root
        self.introduction = introduction
    }

    /// The first page is that which leads to the others.
    package var pages: [Page] {
        let groups = root.shownSubcommands
        return [Page(name: "README.md", text: index(of: groups))] + groups.map(page)
    }

    private func index(of groups: [Command]) -> String {
        let rows = groups.map { ["[`\(root.name) \($0.name)`](\($0.name).md)", cell($0.summary)] }
        let exits = Command.Exit.common.map { [$0.code, cell($0.meaning)] }
        return sections([
            "# Reference", introduction, table(["Page", ""], rows),
            "Every command ends with one of these exit codes; its page has what it has besides.",
            table(["Exit code", "Meaning"], exits),
        ])
    }

    private func page(of group: Command) -> Page {
        let path = "\(root.name) \(group.name)"
        var parts = ["# \(path)"]
        if group.subcommands.isEmpty {
            parts += body(of: group, path: path)
        } else {
            parts += [prose(group.summary)] + paragraphs(group.discussion)
            let below = group.shownSubcommands
            parts.append(
                table(
                    ["Command", ""],
                    below.map { command in
                        let place = anchor("\(path) \(command.name)")
                        return ["[`\(command.name)`](#\(place))", cell(command.summary)]
                    }
                )
            )
            for command in below {
                parts.append("## \(path) \(command.name)")
                parts += body(of: command, path: "\(path) \(command.name)")
            }
        }
        return Page(name: "\(group.name).md", text: sections(parts))
    }

    private func body(of command: Command, path: String) -> [String] {
        let words = path.split(separator: " ").map(String.init)
        var parts = [prose(command.summary), "    " + HelpText.usage(of: command, path: words)]
        parts += paragraphs(command.discussion)
        let arguments = command.parameters.filter(\.isArgument)
        if !arguments.isEmpty {
            let rows = arguments.map { ["`\($0.spelling)`", cell($0.meaning)] }
            parts.append(table(["Argument", ""], rows))
        }
        let options = command.parameters.filter { !$0.isArgument }
        if !options.isEmpty {
            let rows = options.map { option in
                let shown = option.defaultText ?? ""
                return ["`\(option.spelling)`", cell(option.meaning), cell(shown)]
            }
            parts.append(table(["Option", "", "Default"], rows))
        }
        let exits = command.allExits.map { [$0.code, cell($0.meaning)] }
        parts.append(table(["Exit code", "Meaning"], exits))
        let examples = command.examples.map { "    # \($0.meaning)\n    \($0.line)" }
        return parts + [examples.joined(separator: "\n")]
    }

    // MARK: Markdown

    private func sections(_ parts: [String]) -> String { parts.joined(separator: "\n\n") + "\n" }

    private func table(_ head: [String], _ rows: [[String]]) -> String {
        ([head, head.map { _ in "---" }] + rows)
            .map { "| \($0.joined(separator: " | ")) |" }.joined(separator: "\n")
    }

    /// The paragraphs of a discussion; its indented lines stay as they are.
    private func paragraphs(_ text: String) -> [String] {
        var parts: [String] = []
        var isOpen = false
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            let isIndented = line.hasPrefix("  ")
            let words = isIndented ? "    \(line.dropFirst(2))" : prose(String(line))
            if line.isEmpty {
                isOpen = false
            } else if isOpen, let last = parts.last, last.hasPrefix("    ") == isIndented {
                parts[parts.count - 1] = "\(last)\n\(words)"
            } else {
                parts.append(words)
                isOpen = true
            }
        }
        return parts
    }

    private func cell(_ text: String) -> String { prose(text).replacing("|", with: "\\|") }

    /// A text in which nothing is Markdown's.
    private func prose(_ text: String) -> String {
        var result = ""
        for character in text {
            if "\\*_<[".contains(character) { result.append("\\") }
            result.append(character)
        }
        return result
    }

    /// How Markdown calls a heading in a link.
    private func anchor(_ heading: String) -> String { heading.replacing(" ", with: "-") }
}
