import Foundation
import Testing

extension EndToEnd {
    /// Topics that a running job reads and writes.
    @Suite(.serialized) struct TopicInUseTests: DirectorySuite {
        let folder: TemporaryFolder

        init() throws { folder = try TemporaryFolder() }

        @Test func `a topic in use by a running job is not deleted`() throws {
            try succeed("topic", "create", "payments", "other")
            let job = try OwnerProcess.job("DlqTemplate", data, folder)
            try succeed(
                "produce",
                "payments",
                "--key-separator",
                "=",
                input: "k={\"cents\":500}\n"
            )
            let deadline = Date(timeIntervalSinceNow: 60)
            while try !run(["consume", "dlq-template-receipts", "--until-end"]).output
                .contains("500"), Date() < deadline
            { usleep(20_000) }
            for (topic, use) in [("payments", "read by"), ("dlq-template-receipts", "written by")] {
                for force in [[], ["--force"]] {
                    let refused = try run(["topic", "delete", topic] + force)
                    #expect(refused.status == 1, "\(refused)")
                    let words = "is \(use) dlq-template, which runs and would end without it"
                    #expect(refused.errors.contains(words), "\(refused.errors)")
                }
            }
            try succeed("topic", "delete", "other")
            try succeed("consume", "payments", "--until-end")
            #expect(try job.warnings.isEmpty)
        }

        @Test func `a topic of a job is not deleted unless forced, and the others with it stay`()
            throws
        {
            try succeed("topic", "create", "lines", "word-counts", "other")
            let job = try OwnerProcess.job("WordCount", data, folder)
            try succeed("produce", "lines", input: "a\n")
            try succeed("consume", "word-counts", "--max", "1")
            try job.stop()
            let listed = try run(["topic", "list", "--json"]).output
            let own = try #require(
                listed.firstMatch(of: /"topic":"(word-count-[^"]*changelog)"/).map { String($0.1) }
            )
            let delete = ["topic", "delete", "other", own]
            func check(_ refused: Millrace.Outcome) {
                #expect(refused.status == 1 && refused.output.isEmpty, "\(refused)")
                #expect(refused.errors.contains("it is that of word-count"), "\(refused.errors)")
            }
            check(try run(delete))
            let owner = try OwnerProcess.serve(data, folder)
            check(try run(delete))
            let address = try owner.address
            check(
                try Millrace.tool(
                    Millrace.executable,
                    delete + ["--bootstrap", address],
                    input: nil
                )
            )
            let beside = try run(delete + ["--force"])
            check(beside)
            #expect(beside.errors.contains("and nothing else has the directory open"))
            try owner.stop()
            let forced = try run(delete + ["--force"])
            #expect(forced.output == "deleted other\ndeleted \(own)\n", "\(forced)")
        }
    }
}
