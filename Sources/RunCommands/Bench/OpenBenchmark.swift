import BenchmarkWorkloads
import Foundation
import FoundationErrors
import LogModel
import Terminal

/// `bench open`: three processes, each with this one's command line. The first starts the writer
/// and waits for its end, closed or killed, then starts the opener, which prints the figures. An
/// environment variable tells the two what they are.
struct OpenBenchmark {
    private static let stageVariable = "MILLRACE_BENCH_STAGE"
    private static let writer = "writer"
    private static let opener = "opener"

    let benchmark: DirectoryBenchmark
    let ending: DirectoryBenchmark.Ending
    /// The data directory, made by the writer and removed at the end.
    let directory: String

    /// Does this process's part; the figures, unless it is the writer.
    func run() throws -> BenchmarkFigures? {
        let stage = ProcessInfo.processInfo.environment[Self.stageVariable]?.split(separator: " ")
        switch (stage?.first, stage?.last.flatMap({ Int64($0) })) {
        case (Self.writer?, _):
            try benchmark.fill(directory, ending: ending) { acknowledged in
                TextOutput.standard.write("\(acknowledged)\n")
            }
            return nil
        case (Self.opener?, let acknowledged?):
            var figures = try benchmark.open(directory, acknowledged: acknowledged)
            figures.add("topic_list_milliseconds", nanoseconds: try topicListNanoseconds())
            return figures
        default:
            try runOtherStages()
            return nil
        }
    }

    private func runOtherStages() throws {
        let interrupt = try BenchInterrupt.start(folder: directory)
        defer { removeDirectory() }
        let written = try child(
            CommandLine.arguments.dropFirst(),
            stage: Self.writer,
            interrupt
        )
        let expected: Process.TerminationReason = ending == .kill ? .uncaughtSignal : .exit
        guard written.reason == expected,
            let acknowledged = written.output.split(separator: "\n").last
        else {
            throw BenchmarkError("the writer ended in another way than it was to")
        }
        let opened = try child(
            CommandLine.arguments.dropFirst(),
            stage: "\(Self.opener) \(acknowledged)",
            interrupt
        )
        guard opened.reason == .exit, opened.status == 0 else {
            throw BenchmarkError("the opener failed")
        }
        TextOutput.standard.write(opened.output)
    }

    private func topicListNanoseconds() throws -> UInt64 {
        let time = SystemTimeSource()
        let begin = time.monotonicNanoseconds()
        let listed = try child(["topic", "list", "--data", directory], stage: nil)
        let end = time.monotonicNanoseconds()
        guard listed.status == 0, listed.output.contains(DirectoryBenchmark.topic) else {
            throw BenchmarkError("the topic was not listed")
        }
        return end - begin
    }

    private struct Outcome {
        var reason: Process.TerminationReason
        var status: Int32
        var output: String
    }

    /// Runs this program with `words` to its end.
    private func child(
        _ words: some Sequence<String>,
        stage: String?,
        _ interrupt: BenchInterrupt? = nil
    ) throws -> Outcome {
        let process = Process()
        let pipe = Pipe()
        process.executableURL = Executable.path
        process.arguments = Array(words)
        process.standardOutput = pipe
        process.standardInput = FileHandle.nullDevice
        var environment = ProcessInfo.processInfo.environment
        environment[Self.stageVariable] = stage
        process.environment = environment
        try process.run()
        interrupt?.note(child: process.processIdentifier)
        defer { interrupt?.note(child: 0) }
        let output = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return Outcome(
            reason: process.terminationReason,
            status: process.terminationStatus,
            output: String(decoding: output, as: UTF8.self)
        )
    }

    private func removeDirectory() {
        do {
            try DirectoryBenchmark.remove(directory)
        } catch {
            TextOutput.error.write("warning: \(directory) stays: \(systemWords(of: error))\n")
        }
    }
}
