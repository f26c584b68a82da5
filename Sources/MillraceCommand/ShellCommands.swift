import RunCommands
import Terminal

/// `completions` and `version`.
enum ShellCommands {
    private static let shell = Parameter.argument(
        ValueKind<Completions.Shell>.choice("SHELL"),
        help: "the shell"
    )

    static let completions = Command(
        "completions",
        summary: "print the completion script of a shell",
        parameters: [shell.declaration],
        examples: [
            .init("source <(millrace completions bash)", "in ~/.bashrc"),
            .init(
                "millrace completions fish > ~/.config/fish/completions/millrace.fish",
                "for fish"
            ),
        ]
    ) { invocation in
        let script = Completions.script(
            for: MillraceCommand.root,
            shell: invocation[shell],
            names: NameCompletions.all
        )
        TextOutput.standard.write(script)
        return .done
    }

    static let version = Command(
        "version",
        summary: "print the version",
        parameters: [],
        examples: [.init("millrace version", "prints \(MillraceVersion.text)")]
    ) { _ in
        TextOutput.standard.write("\(MillraceVersion.text)\n")
        return .done
    }
}
