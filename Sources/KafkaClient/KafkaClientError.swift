package import LogModel

/// Why a server did not do what it was asked.
package enum KafkaClientError: Error, Equatable, Sendable {
    /// Nobody is reached there: nothing was asked.
    case unreachable(KafkaAddress, String)
    /// The other end is not whom it should be, or there are no keys with it: nothing was asked.
    case untrusted(KafkaAddress, String)
    /// It answers which versions it has, and closes the connection at whatever is asked behind
    /// that: so does a listener that wants to know first who speaks. Nothing was done.
    case unheard(KafkaAddress, request: String)
    /// The connection ended or the time was over while an answer was waited for: whether the server
    /// did what it was asked is not known.
    case lost(KafkaAddress, request: String, String)
    /// What came is nothing that Kafka's protocol has.
    case nonsense(KafkaAddress, String)
    /// The server has no version of an API that this client has.
    case unsupported(KafkaAddress, request: String, String)
    /// The request does not fit into its version.
    case unwritable(request: String)
    /// Kafka's own refusal, with the server's words for it.
    case refused(KafkaErrorCode, about: String, String)

    /// Whether the same may succeed later, as Kafka's clients see it.
    package var isRetriable: Bool {
        switch self {
        case .unreachable, .lost: true
        case .untrusted, .unheard, .nonsense, .unsupported, .unwritable: false
        case .refused(let code, _, _): code.isRetriable
        }
    }

    /// Whether what was asked may have been done all the same.
    package var isUncertain: Bool {
        switch self {
        case .lost, .nonsense: true
        // A server may have appended what it could not flush.
        case .refused(let code, _, _):
            [
                .requestTimedOut, .notEnoughReplicasAfterAppend, .kafkaStorageError,
                .unknownServerError,
            ].contains(code)
        case .unreachable, .untrusted, .unheard, .unsupported, .unwritable: false
        }
    }

    /// Kafka's code, where that is what it is.
    package var code: KafkaErrorCode? {
        if case .refused(let code, _, _) = self { code } else { nil }
    }
}

extension KafkaClientError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .unreachable(let address, let reason): "nobody is reached at \(address): \(reason)"
        case .untrusted(let address, let reason):
            "there is no safe connection to \(address): \(reason)"
        case .unheard(let address, let request):
            "\(address) tells its versions and closes the connection at the first request behind "
                + "that (\(request)), as a listener does that wants SASL first"
        case .lost(let address, let request, let reason):
            "\(address) did not answer \(request): \(reason)"
        case .nonsense(let address, let reason):
            "what \(address) answers is not Kafka's protocol: \(reason)"
        case .unsupported(let address, let request, let reason):
            "\(address) does not serve \(request): \(reason)"
        case .unwritable(let request): "\(request) has no place for what is asked"
        case .refused(let code, let subject, let message):
            // The server's words name what they are about.
            message.isEmpty
                ? "\(subject): \(code.told)"
                : "\(message.last == "." ? String(message.dropLast()) : message) "
                    + "(\(code.kafkaName))"
        }
    }
}
