import Foundation
import Testing

/// A suite whose commands work on one data directory, in a folder that goes with the test.
protocol DirectorySuite {
    var folder: TemporaryFolder { get }
}

extension DirectorySuite {
    var data: String { folder.path("data") }

    /// Runs a command on the directory, with the text as its standard input.
    func run(_ words: [String], input: String? = nil) throws -> Millrace.Outcome {
        try Millrace.tool(
            Millrace.executable,
            words + ["--data", data],
            input: try input.map { try folder.write("input", $0) }
        )
    }

    /// Runs one that must end with 0.
    @discardableResult
    func succeed(_ words: [String], input: String? = nil) throws -> Millrace.Outcome {
        let outcome = try run(words, input: input)
        #expect(outcome.status == 0, "\(words.joined(separator: " ")): \(outcome.errors)")
        return outcome
    }

    /// Whether this process owns the directory.
    func isOwner(_ process: Int32) -> Bool {
        let lock = FileManager.default.contents(atPath: "\(data)/millrace.lock") ?? Data()
        return String(decoding: lock, as: UTF8.self).split { !$0.isNumber }
            .contains { $0 == "\(process)" }
    }

    @discardableResult
    func succeed(_ words: String..., input: String? = nil) throws -> Millrace.Outcome {
        try succeed(words, input: input)
    }
}
