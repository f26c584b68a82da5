import DirectoryAccess
import Glibc
import Terminal

/// A password as a person or a script gives it: twice at a terminal, or on the only line of
/// standard input or of a file.
enum PasswordInput {
    /// Longer ones are no passwords.
    private static let byteLimit = 4096

    /// Whether a person is asked for it.
    static func isAsked(from path: String?) -> Bool { path == nil && isatty(STDIN_FILENO) == 1 }

    static func read(from path: String?) throws(CommandFailure) -> [UInt8] {
        let descriptor = path.map { open($0, O_RDONLY | O_CLOEXEC) } ?? STDIN_FILENO
        guard descriptor >= 0 else {
            throw CommandFailure(
                "the password cannot be read",
                place: path,
                reason: String(cString: strerror(errno)),
                next: "another --password-file"
            )
        }
        defer { if path != nil { close(descriptor) } }
        var text: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: byteLimit)
        while text.count <= byteLimit + 2 {
            let count = Glibc.read(descriptor, &piece, piece.count)
            if count < 0, errno == EINTR { continue }
            if count < 0, errno == EAGAIN {
                // An input that does not wait by itself.
                var input = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
                _ = poll(&input, 1, -1)
                continue
            }
            guard count >= 0 else {
                throw CommandFailure(
                    "the password cannot be read",
                    place: path ?? "standard input",
                    reason: String(cString: strerror(errno))
                )
            }
            if count == 0 { break }
            text += piece.prefix(count)
        }
        return try checked(text, path ?? "standard input")
    }

    /// Of a person at a terminal, which shows nothing of it; nil where a signal came first.
    static func ask(
        for user: String,
        _ signals: SignalListener
    ) throws(CommandFailure) -> [UInt8]? {
        let terminal = try SilentTerminal.begin()
        // One byte more than is taken, and the end of the line.
        let limit = byteLimit + 2
        func line(_ prompt: String) throws(CommandFailure) -> [UInt8]? {
            try terminal.line(prompt, byteLimit: limit, until: signals)
        }
        guard let first = try line("password of \(visible(user)): ") else { return nil }
        let password = try checked(first, "the terminal")
        guard let second = try line("the same again: ") else { return nil }
        guard try checked(second, "the terminal") == password else {
            throw CommandFailure(
                "there is no password",
                place: "the terminal",
                reason: "the second is not the first",
                next: "give the command again, and the same password twice"
            )
        }
        return password
    }

    private static func checked(
        _ text: [UInt8],
        _ place: String
    ) throws(CommandFailure) -> [UInt8] {
        var password = text
        if password.last == UInt8(ascii: "\n") { password.removeLast() }
        if password.last == UInt8(ascii: "\r") { password.removeLast() }
        let reason: String? =
            if password.isEmpty {
                "it is empty"
            } else if password.count > byteLimit {
                "it has more than \(byteLimit) bytes"
            } else if password.contains(where: { $0 == UInt8(ascii: "\n") || $0 == 0 }) {
                "it has more than one line"
            } else if String(validating: password, as: UTF8.self) == nil {
                "its bytes are no UTF-8, in which clients send it"
            } else {
                nil
            }
        guard let reason else { return password }
        throw CommandFailure(
            "there is no password",
            place: place,
            reason: reason,
            next: "a password on the only line of standard input, or of a --password-file"
        )
    }
}
