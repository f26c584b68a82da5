import JobRunner
import KafkaClient
import Terminal

/// Which log a command talks to: `--data DIR` or `--bootstrap HOST:PORT`.
enum LogOption {
    private static let data = Parameter.optional(
        "data",
        .path("DIR"),
        help: "the folder of the bundled log, whoever has it open (default: "
            + "\(LogPlace.defaultDirectory))"
    )
    private static let bootstrap = Parameter.optional(
        "bootstrap",
        ValueKind<KafkaAddress>.kafkaAddress,
        help: "a cluster that speaks Kafka's protocol, instead of --data"
    )

    /// What every command declares that reads or changes a log.
    static let parameters: [ParameterDeclaration] = [data.declaration, bootstrap.declaration]

    static func place(_ invocation: Invocation) throws(UsageError) -> LogPlace {
        guard let address = invocation[bootstrap] else {
            return .directory(invocation[data] ?? LogPlace.defaultDirectory)
        }
        guard invocation[data] == nil else {
            throw UsageError("give either --data or --bootstrap: they name two logs")
        }
        return .cluster(address)
    }
}

/// Where a log is.
enum LogPlace: Sendable, CustomStringConvertible {
    case directory(String)
    case cluster(KafkaAddress)

    static let defaultDirectory = "./millrace-data"

    var description: String {
        switch self {
        case .directory(let path): path
        case .cluster(let address): "\(address)"
        }
    }

    /// The folder, where it is one.
    var directory: String? {
        if case .directory(let path) = self { path } else { nil }
    }

    /// A command of Millrace's for the same log, as a shell takes it.
    func next(_ words: String) -> String {
        switch self {
        case .directory(let path): nextCommand(words, data: path)
        case .cluster(let address): "millrace \(words) --bootstrap \(shellWord("\(address)"))"
        }
    }
}

extension ValueKind where Value == KafkaAddress {
    /// A host and a port.
    static var kafkaAddress: ValueKind {
        ValueKind(
            placeholder: "HOST:PORT",
            expectation: "a host and a port, such as 127.0.0.1:9092"
        ) { KafkaAddress($0) }
    }
}
