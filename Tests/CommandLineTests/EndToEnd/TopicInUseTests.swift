import Foundation
import Testing

extension EndToEnd {
    /// Topics that a running job reads and writes.
    @Suite(.serialized) struct TopicInUseTests: DirectorySuite {
        let folder: TemporaryFolder

        init() throws { folder = try TemporaryFolder() }

        @Test func `a topic in use by a running job is deleted by force alone`() throws {
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
            for (topic, use) in [("payments", "reads it"), ("dlq-template-receipts", "writes to")] {
                let refused = try run(["topic", "delete", topic])
                #expect(refused.status == 1, "\(refused)")
                let words = "the job dlq-template, which runs on the directory, \(use)"
                #expect(refused.errors.contains(words), "\(refused.errors)")
            }
            try succeed("topic", "delete", "other")
            try succeed("topic", "delete", "payments", "--force")
            let ended = Date(timeIntervalSinceNow: 60)
            while try !job.warnings.contains("next: "), Date() < ended { usleep(20_000) }
            let said = try job.warnings
            #expect(said.contains("payments-0 in \(data)"), "\(said)")
            let next = "millrace topic create payments --partitions N --data \(data)"
            #expect(said.contains(next), "\(said)")
        }
    }
}
