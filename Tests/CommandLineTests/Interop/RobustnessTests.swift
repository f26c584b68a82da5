import Foundation
import Testing

extension EndToEnd {
    /// `serve` among clients that mean it no good, and among kills.
    @Suite struct RobustnessTests {
        private static let python = Millrace.root.appending(path: ".build-interop/bin/python").path
        private static let scripts = Millrace.root
            .appending(path: "Tests/CommandLineTests/Interop/Scripts").path

        private static func has(_ path: String, for what: String) -> Bool {
            if FileManager.default.isExecutableFile(atPath: path) { return true }
            print("SKIPPED: \(what) needs \(path)")
            return false
        }

        /// The script requires that the server lives, that its memory is bounded, and that each of
        /// the good client's records is read in its place. Speed is only claimed by `make nightly`,
        /// on a machine that does nothing else: MILLRACE_SCALE > 1.
        @Test func `many hostile connections cost no memory, and a good client goes on`() throws {
            guard Self.has(Self.python, for: "the flood of hostile clients") else { return }
            let environment = ProcessInfo.processInfo.environment
            let isLarge = environment["MILLRACE_SCALE"].flatMap { Int($0) } ?? 1 > 1
            let (connections, turns, share) = isLarge ? (1000, 5, 50) : (150, 1, 0)
            let release = Millrace.root.appending(path: ".build/release/millrace").path
            let isOptimised = isLarge && Self.has(release, for: "the speed under attack")
            let folder = try TemporaryFolder()
            let data = folder.path("data")
            let outcome = try Millrace.shell(
                "exec '\(Self.python)' '\(Self.scripts)/hostile_clients.py' "
                    + "'\(isOptimised ? release : Millrace.executable.path)' '\(data)' "
                    + "\(connections) \(turns) \(isOptimised ? share : 0)"
            )
            #expect(outcome.status == 0, "\(outcome)")
            #expect(outcome.lines.last?.hasPrefix("held: ") == true, "\(outcome)")
            print(outcome.lines.last ?? "")
            try Millrace.succeed("log", "verify", "--data", data)
        }

        /// Two at a time: aiokafka, and Kafka's own client, into the same partitions.
        @Test func `nothing is lost, doubled or torn for two clients whose server is killed`()
            throws
        {
            let kafka = Millrace.shared.appending(path: "kafka").path
            guard Self.has(Self.python, for: "the soak of two clients"),
                Self.has(kafka + "/kafka", for: "the soak of two clients"),
                Self.has("/usr/bin/java", for: "the soak of two clients")
            else { return }
            let folder = try TemporaryFolder()
            let data = folder.path("data")
            let kills = ProcessInfo.processInfo.environment["MILLRACE_KILLS"] ?? "5"
            let outcome = try Millrace.shell(
                "exec '\(Self.python)' '\(Self.scripts)/soak_kills.py' "
                    + "'\(Millrace.executable.path)' '\(data)' \(kills) '\(kafka)'"
            )
            #expect(outcome.status == 0, "\(outcome)")
            #expect(outcome.lines.last?.hasPrefix("exactly once:") == true, "\(outcome)")
            try Millrace.succeed("log", "verify", "--data", data)
        }
    }
}
