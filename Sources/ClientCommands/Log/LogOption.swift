import DirectoryAccess
import KafkaClient
import Terminal

/// Which log a command talks to: `--data DIR` or `--bootstrap HOST:PORT`.
enum LogOption {
    private static let data = Parameter.optional(
        "data",
        .path("DIR", .folder),
        help: "the folder of the bundled log, whoever has it open (default: "
            + "\(DataDirectoryOption.shownDefault))"
    )
    private static let bootstrap = Parameter.optional(
        "bootstrap",
        ValueKind<BootstrapServers>.bootstrapServers,
        help: "a cluster that speaks Kafka's protocol, instead of --data; of several addresses "
            + "with commas between them the first that answers is asked"
    )

    private static let commandConfig = Parameter.optional(
        "command-config",
        .path("FILE"),
        help: "how the cluster of --bootstrap is spoken to, in Kafka's properties of clients: "
            + "security.protocol, ssl.truststore.location, sasl.mechanism, sasl.username, ..."
    )

    /// What every command declares that reads or changes a log.
    static let parameters: [ParameterDeclaration] = [
        data.declaration, bootstrap.declaration, commandConfig.declaration,
    ]

    static func place(_ invocation: Invocation) throws(UsageError) -> LogPlace {
        guard let servers = invocation[bootstrap] else {
            guard invocation[commandConfig] == nil else {
                throw UsageError("--command-config is for the cluster of --bootstrap")
            }
            return .directory(invocation[data] ?? DataDirectoryOption.defaultPath)
        }
        guard invocation[data] == nil else {
            throw UsageError("give either --data or --bootstrap: they name two logs")
        }
        return .cluster(servers, try invocation[commandConfig].map(ClusterAccess.init))
    }
}

/// Where a log is.
package enum LogPlace: Sendable, CustomStringConvertible {
    case directory(String)
    case cluster(BootstrapServers, ClusterAccess?)

    package var description: String {
        switch self {
        case .directory(let path): path
        case .cluster(let servers, _): "\(servers)"
        }
    }

    /// The folder, where it is one.
    var directory: String? {
        if case .directory(let path) = self { path } else { nil }
    }

    /// A command of Millrace's for the same log, as a shell takes it.
    func next(_ words: CommandWords) -> String {
        switch self {
        case .directory(let path): nextCommand(words, data: path)
        case .cluster(let servers, let access):
            words.command(
                options: "--bootstrap \(shellWord("\(servers)"))"
                    + (access.map { " --command-config \(shellWord($0.path))" } ?? "")
            )
        }
    }
}

/// Where a cluster is entered: at the first of these addresses that is reached.
package struct BootstrapServers: Sendable, CustomStringConvertible {
    /// One at least.
    let addresses: [KafkaAddress]

    /// `a:9092`, `a:9092,b:9092`; nil for what is no such text.
    init?(_ text: String) {
        var addresses: [KafkaAddress] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let trimmed = part.drop { $0 == " " }
            guard let last = trimmed.lastIndex(where: { $0 != " " }),
                let address = KafkaAddress(String(trimmed[...last]))
            else { return nil }
            addresses.append(address)
        }
        self.addresses = addresses
    }

    package var description: String { addresses.map(\.description).joined(separator: ",") }
}

extension ValueKind where Value == BootstrapServers {
    /// A host and a port, or several.
    static var bootstrapServers: ValueKind {
        ValueKind(
            placeholder: "HOST:PORT",
            expectation: "a host and a port, such as 127.0.0.1:9092, or several with commas "
                + "between them"
        ) { BootstrapServers($0) }
    }
}
