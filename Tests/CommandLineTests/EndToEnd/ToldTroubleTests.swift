import Foundation
import Testing

extension EndToEnd {
    /// What a server says of partitions that stop while it lives, and tells who asks.
    @Suite(.serialized) struct ToldTroubleTests: DirectorySuite {
        let folder: TemporaryFolder
        private static let segment = "00000000000000000000.log"

        init() throws { folder = try TemporaryFolder() }

        /// Takes the journal away, so that the next flush fails.
        private func failJournal() throws {
            let outcome = try Millrace.shell("rm '\(data)'/.millrace/journal/*.journal")
            #expect(outcome.status == 0)
        }

        private func wait(
            for words: String,
            in owner: OwnerProcess
        ) throws -> String {
            let deadline = Date(timeIntervalSinceNow: 30)
            while try !owner.warnings.contains(words), Date() < deadline { usleep(20_000) }
            return try owner.warnings
        }

        @Test func `a partition that stops is told, whatever was said of it or its name before`()
            throws
        {
            try succeed("topic", "create", "cut", "remade", "idle")
            try succeed("produce", "remade", input: "1\n2\n")
            let killed = try OwnerProcess.serve(data, folder)
            try succeed("produce", "cut", input: "1\n2\n")
            killed.kill()
            // Bytes that were never acknowledged, and a file that lost acknowledged ones.
            let tail = try Millrace.shell("printf 'torn tail' >> '\(data)/cut-0/\(Self.segment)'")
            let loss = try Millrace.shell("truncate -s 20 '\(data)/remade-0/\(Self.segment)'")
            #expect(tail.status == 0 && loss.status == 0)
            let owner = try OwnerProcess.serve(data, folder)
            #expect(try run(["consume", "cut", "--until-end"]).output == "1\n2\n")
            #expect(try run(["consume", "remade", "--until-end"]).status == 1)
            #expect(try wait(for: "remade-0", in: owner).contains("remade-0"))
            #expect(try wait(for: "cut-0 lost 9 bytes", in: owner).contains("cut-0 lost 9 bytes"))
            let damaged = try run(["topic", "describe", "remade"])
            #expect(damaged.output.contains("read-only"), "\(damaged)")
            #expect(damaged.output.contains("damaged from offset 0 on"), "\(damaged)")
            try succeed("topic", "delete", "remade")
            try succeed("topic", "create", "remade")
            for topic in ["cut", "remade"] { try succeed("produce", topic, input: "3\n") }
            try failJournal()
            for topic in ["cut", "remade"] {
                #expect(try run(["produce", topic], input: "4\n").status == 1)
            }
            let words = "the journal could not be flushed"
            _ = try wait(for: words, in: owner)
            for topic in ["cut", "remade"] {
                let warnings = try owner.warnings
                let told = warnings.split(separator: "\n").contains {
                    $0.contains("\(topic)-0") && $0.contains(words)
                }
                #expect(told, "\(topic): \(warnings)")
                let described = try run(["topic", "describe", topic]).output
                #expect(described.contains("partition 0 is read-only: the journal"), "\(described)")
            }
            let listed = try run(["topic", "list"]).output
            #expect(listed.contains("1 read-only"), "\(listed)")
            let whole = try run(["topic", "describe", "idle"]).output
            #expect(!whole.contains("read-only") && !whole.contains("millrace.trouble"))
            let doctor = try run(["doctor"])
            #expect(doctor.status == 1 && doctor.output.contains("cut-0 takes no more records"))
        }
    }
}
