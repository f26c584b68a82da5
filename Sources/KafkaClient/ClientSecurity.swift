import Security

/// How a client makes sure to whom it speaks, and says who it is itself: Kafka's settings of
/// clients (`security.protocol` and those below it).
package struct ClientSecurity: Sendable {
    /// Why settings make no sense; the words name them, and nothing that is secret.
    package struct Refusal: Error, Equatable, Sendable {
        package let words: String
    }

    struct Login: Sendable {
        let mechanism: SaslMechanism
        let user: String
        let password: [UInt8]
    }

    /// Nil where nothing is encrypted.
    let context: TLSContext?
    /// Whether the other end's certificate must have the name that it is reached by.
    let checksHostName: Bool
    /// Nil where nobody asks.
    let login: Login?

    /// Neither encryption nor authentication.
    package static let none = ClientSecurity(context: nil, checksHostName: true, login: nil)

    private init(context: TLSContext?, checksHostName: Bool, login: Login?) {
        self.context = context
        self.checksHostName = checksHostName
        self.login = login
    }

    /// What can be said, by Kafka's names and, of user and password, by librdkafka's.
    package static let names = [
        "security.protocol", "ssl.truststore.location", "ssl.truststore.type",
        "ssl.keystore.location", "ssl.keystore.type", "ssl.endpoint.identification.algorithm",
        "sasl.mechanism", "sasl.jaas.config", "sasl.username", "sasl.password",
    ]

    package init(properties: [String: String]) throws(Refusal) {
        if let unknown = properties.keys.sorted().first(where: { !Self.names.contains($0) }) {
            throw Refusal(
                words: "\(unknown) is no setting that is honoured; those are "
                    + Self.names.joined(separator: ", ")
            )
        }
        let named = properties["security.protocol"] ?? SecurityProtocol.plaintext.rawValue
        guard let security = SecurityProtocol(rawValue: named) else {
            throw Refusal(words: "security.protocol is one of \(SecurityProtocol.names)")
        }
        for (prefix, isUsed) in [("ssl.", security.usesTLS), ("sasl.", security.usesSASL)] {
            if !isUsed, let name = properties.keys.sorted().first(where: { $0.hasPrefix(prefix) }) {
                throw Refusal(
                    words: "\(name) would do nothing: security.protocol is \(security.rawValue)"
                )
            }
        }
        let algorithm = properties["ssl.endpoint.identification.algorithm"] ?? "https"
        guard algorithm.isEmpty || algorithm.lowercased() == "https" else {
            throw Refusal(words: "ssl.endpoint.identification.algorithm is https or nothing")
        }
        checksHostName = !algorithm.isEmpty
        context = security.usesTLS ? try Self.context(properties) : nil
        login = security.usesSASL ? try Self.login(properties) : nil
    }

    private static func context(_ properties: [String: String]) throws(Refusal) -> TLSContext {
        for name in ["ssl.truststore.type", "ssl.keystore.type"] {
            if let type = properties[name], type != "PEM" {
                throw Refusal(words: "\(name) is PEM: nothing else is read")
            }
        }
        do throws(TLSError) {
            return try TLSContext.client(
                truststore: properties["ssl.truststore.location"],
                keystore: properties["ssl.keystore.location"]
            )
        } catch { throw Refusal(words: error.description) }
    }

    private static func login(_ properties: [String: String]) throws(Refusal) -> Login {
        guard let mechanism = properties["sasl.mechanism"].flatMap(SaslMechanism.init) else {
            throw Refusal(words: "sasl.mechanism is one of \(SaslMechanism.names)")
        }
        var (user, password) = (properties["sasl.username"], properties["sasl.password"])
        if let text = properties["sasl.jaas.config"] {
            guard user == nil, password == nil else {
                throw Refusal(
                    words: "sasl.jaas.config and sasl.username or sasl.password say the same"
                )
            }
            let options = JAASOptions.read(text)
            (user, password) = (options["username"], options["password"])
        }
        guard let user, let password, !user.isEmpty, !password.isEmpty else {
            throw Refusal(
                words: "sasl.username and sasl.password are needed, or a sasl.jaas.config with "
                    + "username and password"
            )
        }
        return Login(mechanism: mechanism, user: user, password: Array(password.utf8))
    }
}

/// The options of a login module as Java writes it: `Module required name="value" …;`.
enum JAASOptions {
    static func read(_ text: String) -> [String: String] {
        var options: [String: String] = [:]
        var rest = text[...]
        while let equals = rest.firstIndex(of: "=") {
            let name = rest[..<equals].split(whereSeparator: \.isWhitespace).last ?? ""
            rest = rest[rest.index(after: equals)...].drop(while: \.isWhitespace)
            // Java's tokenizer takes either quote.
            let quote = rest.first
            options[String(name)] =
                quote == "\"" || quote == "'" ? quoted(&rest, by: quote) : bare(&rest)
        }
        return options
    }

    private static func bare(_ rest: inout Substring) -> String {
        let value = rest.prefix { !$0.isWhitespace && $0 != ";" }
        rest = rest[value.endIndex...]
        return String(value)
    }

    private static func quoted(_ rest: inout Substring, by quote: Character?) -> String {
        rest = rest.dropFirst()
        var value = ""
        while let character = rest.popFirst(), character != quote {
            value.append(character == "\\" ? rest.popFirst() ?? character : character)
        }
        return value
    }
}
