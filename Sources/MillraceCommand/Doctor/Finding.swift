import Telemetry
import Terminal

/// One thing that `millrace doctor` has looked at: what it found, why that matters, and what is to
/// be done about it.
struct Finding: Equatable {
    enum Level: String {
        /// All is well.
        case good = "ok"
        /// Worth knowing; nothing has to be done.
        case note
        /// Records, results or speed may be lost by it.
        case warning
    }

    let level: Level
    /// What was looked at, in one word.
    let area: String
    let what: String
    var why: String?
    /// A command, or what a person does.
    var next: String?

    static func good(_ area: String, _ what: String) -> Finding {
        Finding(level: .good, area: area, what: what)
    }

    static func note(
        _ area: String,
        _ what: String,
        why: String,
        next: String? = nil
    ) -> Finding { Finding(level: .note, area: area, what: what, why: why, next: next) }

    static func warning(_ area: String, _ what: String, why: String, next: String) -> Finding {
        Finding(level: .warning, area: area, what: what, why: why, next: next)
    }

    var text: String {
        func padded(_ word: String, _ width: Int) -> String {
            word + String(repeating: " ", count: max(0, width - word.count))
        }
        var lines = ["\(padded(level.rawValue, 7))  \(padded(area, 12))  \(what)"]
        let indent = String(repeating: " ", count: 23)
        if let why { lines.append("\(indent)why: \(why)") }
        if let next { lines.append("\(indent)next: \(next)") }
        return lines.joined(separator: "\n") + "\n"
    }

    var json: String {
        "{\"level\":\(jsonString(level.rawValue)),\"area\":\(jsonString(area)),"
            + "\"what\":\(jsonString(what)),\"why\":\(why.map(jsonString) ?? "null"),"
            + "\"next\":\(next.map(jsonString) ?? "null")}\n"
    }
}
