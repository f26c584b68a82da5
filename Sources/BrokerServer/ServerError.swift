/// Why a server does not listen.
package enum ServerError: Error, Equatable, Sendable, CustomStringConvertible {
    case unknownHost(String)
    /// The system says no, in its own words.
    case cannotListen(ListenAddress, String)
    /// The same of a Unix socket of that path.
    case cannotListenLocally(String, String)
    case noLoop(String)
    /// A listener cannot be encrypted.
    case noEncryption(ListenerConfiguration, String)

    package var description: String {
        switch self {
        case .unknownHost(let host): "the host \(host) is not known"
        case .cannotListen(let address, let reason): "nobody can listen on \(address): \(reason)"
        case .cannotListenLocally(let path, let reason):
            "nobody can listen on \(path): \(reason)"
        case .noEncryption(let listener, let reason):
            "nobody can listen on \(listener): \(reason)"
        case .noLoop(let reason): "the system gives no event loop: \(reason)"
        }
    }
}
