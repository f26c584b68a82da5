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
    }
}
