import Foundation
import Testing

/// The real executable, run as a person runs it.
enum Millrace {
    struct Outcome {
        var status: Int32
        var output: String
        var errors: String

        var lines: [String] { output.split(separator: "\n").map(String.init) }
    }

    /// The folder of the package.
    static let root = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// `millrace`, built beside the test bundle.
    static var executable: URL {
        URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
            .deletingLastPathComponent().appending(path: "millrace")
    }

    /// A job of ours as `millrace run` or `describe` last built it.
    static func jobBinary(_ name: String) -> URL {
        let folder =
            ProcessInfo.processInfo.environment["MILLRACE_BUILD"].map { URL(filePath: $0) }
            ?? root.appending(path: ".build-jobs")
        return folder.appending(path: "release/\(name)")
    }

    /// The texts that other projects' tests share with ours.
    static var shared: URL {
        ProcessInfo.processInfo.environment["MILLRACE_SHARED"].map { URL(filePath: $0) }
            ?? root.deletingLastPathComponent().appending(path: "shared")
    }

    /// Runs `millrace` with these words.
    @discardableResult
    static func run(_ words: String..., input: URL? = nil) throws -> Outcome {
        try tool(executable, words, input: input)
    }

    /// Runs `millrace` and requires that it ends with 0.
    @discardableResult
    static func succeed(_ words: String..., input: URL? = nil) throws -> Outcome {
        try succeed(words, input: input)
    }

    /// Counts the words of the topic `lines` until all are counted.
    @discardableResult
    static func countWords(in data: String, _ options: String...) throws -> Outcome {
        try succeed(["run", "Jobs/WordCount", "--data", data, "--until-caught-up"] + options)
    }

    /// Prints what the counting wrote, to its end.
    static func consumeCounts(of data: String, _ options: String...) throws -> Outcome {
        try succeed(["consume", "word-counts", "--data", data, "--until-end"] + options)
    }

    private static func succeed(_ words: [String], input: URL? = nil) throws -> Outcome {
        let outcome = try tool(executable, words, input: input)
        #expect(outcome.status == 0, "\(words.joined(separator: " ")): \(outcome.errors)")
        return outcome
    }

    /// Runs a script of the shell.
    static func shell(_ script: String) throws -> Outcome {
        try tool(URL(filePath: "/bin/bash"), ["-c", "set -o pipefail; \(script)"], input: nil)
    }

    /// Runs any tool to its end. Output goes through files, so that no pipe can fill up.
    static func tool(_ path: URL, _ words: [String], input: URL?) throws -> Outcome {
        let folder = try TemporaryFolder()
        let output = folder.url.appending(path: "output")
        let errors = folder.url.appending(path: "errors")
        let process = try start(path, words, input: input, output: output, errors: errors)
        process.waitUntilExit()
        let outcome = Outcome(
            status: process.terminationStatus,
            output: String(decoding: try Data(contentsOf: output), as: UTF8.self),
            errors: String(decoding: try Data(contentsOf: errors), as: UTF8.self)
        )
        expectWords(outcome.errors)
        return outcome
    }

    /// What is printed to a person names no types, domains and codes of a library's.
    private static func expectWords(_ errors: String) {
        for text in ["NSCocoaErrorDomain", "NSPOSIXErrorDomain", "Error Domain=", "UserInfo="] {
            #expect(!errors.contains(text), "\(errors)")
        }
    }

    /// Starts a tool without waiting for its end.
    static func start(
        _ path: URL,
        _ words: [String],
        input: URL?,
        output: URL,
        errors: URL
    ) throws -> Process {
        for file in [output, errors] {
            try Data().write(to: file)
        }
        let process = Process()
        process.executableURL = path
        process.arguments = words
        process.currentDirectoryURL = root
        process.standardInput =
            try input.map { try FileHandle(forReadingFrom: $0) } ?? FileHandle.nullDevice
        process.standardOutput = try FileHandle(forWritingTo: output)
        process.standardError = try FileHandle(forWritingTo: errors)
        try process.run()
        return process
    }
}

/// A folder that goes with its owner.
final class TemporaryFolder {
    let url: URL

    init() throws {
        url = FileManager.default.temporaryDirectory.appending(
            path: "millrace-\(UUID().uuidString)"
        )
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }

    deinit {
        do {
            try FileManager.default.removeItem(at: url)
        } catch { Issue.record("\(url.path) stays: \(error)") }
    }

    /// The path of something in it.
    func path(_ name: String) -> String { url.appending(path: name).path }

    /// Writes a file and gives its place.
    func write(_ name: String, _ text: String) throws -> URL {
        let file = url.appending(path: name)
        try FileManager.default.createDirectory(
            at: file.deletingLastPathComponent(),
            withIntermediateDirectories: true
        )
        try Data(text.utf8).write(to: file)
        return file
    }
}

/// The tests that start processes, one after the other: they share the folder that jobs build in.
@Suite(.serialized) enum EndToEnd {}
