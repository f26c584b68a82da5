import COpenSSL

/// Why there is no encrypted connection, or cannot be any.
package enum TLSError: Error, Equatable, Sendable, CustomStringConvertible {
    /// A file of certificates or keys, with what is wrong with it.
    case file(String, String)
    /// What goes wrong between two ends.
    case session(String)
    case system(String)

    package var description: String {
        switch self {
        case .file(let path, let reason): "\(path) \(reason)"
        case .session(let reason): reason
        case .system(let reason): "OpenSSL does not start: \(reason)"
        }
    }

    /// OpenSSL's words for what it has noted last, and forgets by that; `otherwise` where it has
    /// none.
    static func takeWords(otherwise: String) -> String {
        let code = ERR_get_error()
        ERR_clear_error()
        guard code != 0, let words = ERR_reason_error_string(code) else { return otherwise }
        return String(cString: words)
    }
}
