import DirectoryAccess
import KafkaClient
import LogModel
import Security
import Telemetry
package import Terminal

/// `millrace user …`: who may log in to a listener with SASL.
package enum UserCommands {
    private static let user = Parameter.argument(.nonemptyText("USER"), help: "the user's name")
    private static let asJSON = Parameter.flag("json", help: "one JSON object a line")

    package static let command = Command(
        "user",
        summary: "list, set and delete users that log in with a password",
        examples: [
            .init("millrace user set alice < password.txt", "may log in from now on"),
            .init("millrace user list", "who may"),
        ],
        subcommands: [list, set, delete]
    )

    private static let list = Command(
        "list",
        summary: "the users with their mechanisms",
        parameters: [asJSON.declaration] + LogOption.parameters,
        examples: [.init("millrace user list", "a line for each credential")]
    ) { invocation in
        try withCluster(invocation) { log in
            let credentials = try log.credentials(of: nil)
            if invocation[asJSON] {
                for credential in credentials {
                    TextOutput.standard.write(
                        "{\"user\":\(jsonString(credential.user)),"
                            + "\"mechanism\":\(jsonString(credential.mechanism.name)),"
                            + "\"iterations\":\(credential.iterations)}\n"
                    )
                }
                return
            }
            var table = Table(("USER", .left), ("MECHANISM", .left), ("ITERATIONS", .right))
            for credential in credentials {
                table.add(
                    credential.user,
                    credential.mechanism.name,
                    "\(credential.iterations)"
                )
            }
            TextOutput.standard.write(table.text)
        }
        return .done
    }

    private static let mechanism = Parameter.repeated(
        "mechanism",
        ValueKind<ScramMechanism>.scramMechanism,
        help: "for this mechanism alone (default: for each); PLAIN needs any of them"
    )
    private static let iterations = Parameter.option(
        "iterations",
        .integer(
            Int(
                ScramCredential.iterationRange.lowerBound
            )...Int(
                ScramCredential.iterationRange.upperBound
            )
        ),
        default: Int(ScramCredential.iterationRange.lowerBound),
        help: "rounds of the password: more make it dearer to guess, and to check"
    )
    private static let passwordFile = Parameter.optional(
        "password-file",
        .path("FILE"),
        help: "a file with the password on its only line (default: standard input)"
    )

    private static let set = Command(
        "set",
        summary: "give a user a password, and make the user if there is none",
        discussion: "The password is read from standard input or a file, never from the command "
            + "line, which others see; a\nterminal is asked for it twice. It is not kept: what is "
            + "kept can only check one.",
        parameters: [
            user.declaration, mechanism.declaration, iterations.declaration,
            passwordFile.declaration,
        ] + LogOption.parameters,
        examples: [
            .init("millrace user set alice", "asks for the password"),
            .init("millrace user set alice --password-file alice.txt", "takes it from a file"),
        ]
    ) { invocation in
        let name = invocation[user]
        // What is no text came as these.
        guard !name.unicodeScalars.contains("\u{FFFD}") else {
            throw UsageError("a user's name is UTF-8, in which clients send it")
        }
        let file = invocation[passwordFile]
        let signals = PasswordInput.isAsked(from: file) ? try SignalListener.start() : nil
        let password =
            if let signals {
                try PasswordInput.ask(for: name, signals)
            } else { try PasswordInput.read(from: file) }
        guard let password, signals?.request == nil else { return signals?.request ?? .failed }
        try withCluster(invocation, signals) { log in
            let chosen = chosen(invocation)
            try log.changing("the user '\(name)'", .was, "set", advice: advice) {
                cluster throws(KafkaClientError) in
                try cluster.setPassword(
                    of: name,
                    password,
                    chosen ?? ScramMechanism.allCases,
                    iterations: Int32(invocation[iterations])
                )
            }
            let others = log.otherMechanisms(of: name, than: chosen)
            TextOutput.standard.write(
                "set the password of \(name)\(words(of: chosen))\(others)\n"
            )
        }
        return .done
    }

    private static let delete = Command(
        "delete",
        summary: "let a user log in no more",
        discussion: "Connections that the user has stay until they end.",
        parameters: [user.declaration, mechanism.declaration] + LogOption.parameters,
        examples: [.init("millrace user delete alice", "with every mechanism")]
    ) { invocation in
        let name = invocation[user]
        try withCluster(invocation) { log in
            let chosen = chosen(invocation)
            let known = try log.credentials(of: nil).filter { $0.user.hasBytes(of: name) }.map(
                \.mechanism
            )
            let missing = chosen?.first { !known.contains($0) }
            guard !known.isEmpty, missing == nil else {
                throw CommandFailure(
                    missing.map { "'\(name)' has no password for \($0.name)" }
                        ?? "there is no user '\(name)'",
                    place: "\(log.place)",
                    next: log.place.next("user list")
                )
            }
            try log.changing("the user '\(name)'", .was, "deleted", advice: advice) {
                cluster throws(KafkaClientError) in
                try cluster.deleteCredentials(of: name, chosen ?? known)
            }
            let others = log.otherMechanisms(of: name, than: chosen)
            TextOutput.standard.write("deleted \(name)\(words(of: chosen))\(others)\n")
        }
        return .done
    }

    /// What is to be done about refusals that only a damaged file of users leads to.
    fileprivate static let advice: [KafkaErrorCode: String] = [
        .securityDisabled:
            "put the file back from a copy, or move it away and set the users anew"
    ]

    private static func words(of chosen: [ScramMechanism]?) -> String {
        chosen.map { " for " + $0.map(\.name).joined(separator: " and ") } ?? ""
    }

    /// Nil for all.
    private static func chosen(_ invocation: Invocation) -> [ScramMechanism]? {
        let named = Swift.Set(invocation[mechanism])
        return named.isEmpty ? nil : named.sorted()
    }
}

extension ServedLog {
    fileprivate func credentials(
        of user: String?
    ) throws(CommandFailure) -> [ClusterCredential] {
        try asking("the users are not told", advice: UserCommands.advice) {
            cluster throws(KafkaClientError) in
            try cluster.credentials(of: user)
        }
    }

    /// What is to be said of the mechanisms that a change of some left as they were: an older
    /// password may hold there. Nothing of a change of all.
    fileprivate func otherMechanisms(of user: String, than chosen: [ScramMechanism]?) -> String {
        guard let chosen else { return "" }
        do throws(CommandFailure) {
            let known = try credentials(of: nil).filter { $0.user.hasBytes(of: user) }
                .map(\.mechanism)
            let others = known.filter { !chosen.contains($0) }
            guard !others.isEmpty else { return "" }
            // PLAIN asks the first of these.
            let plain = SaslServer.plainOrder.first(where: known.contains)
            let isPlain = plain.map(others.contains) ?? false
            return "; the password from before still holds for "
                + others.map(\.name).joined(separator: " and ")
                + (isPlain ? ", and for PLAIN where a listener of Millrace takes that" : "")
        } catch {
            return "; whether one from before holds for other mechanisms is not known: "
                + (error.reason ?? error.what)
        }
    }
}

extension ValueKind where Value == ScramMechanism {
    /// A mechanism of SCRAM, by its name.
    fileprivate static var scramMechanism: ValueKind {
        let names = ScramMechanism.allCases.map(\.name)
        return ValueKind(
            placeholder: "MECHANISM",
            expectation: "one of \(names.joined(separator: ", "))"
        ) { text in ScramMechanism.allCases.first { $0.name == text } }
    }
}
