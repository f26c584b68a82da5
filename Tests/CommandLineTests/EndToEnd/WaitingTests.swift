import Foundation
import Testing

extension EndToEnd {
    /// A run that ends when it has caught up, and is kept from it.
    @Suite(.serialized) struct WaitingTests {
        private let folder: TemporaryFolder
        private var data: String { folder.path("data") }

        init() throws {
            folder = try TemporaryFolder()
            try Millrace.succeed("topic", "create", "lines", "--data", data)
        }

        @Test func `it says once for whose transaction, and goes on when that has ended`() throws {
            try OpenTransaction.leave("billing-0", in: data, timeout: .seconds(8))
            let input = try folder.write("input", "seen\n")
            try Millrace.succeed("produce", "lines", "--data", data, input: input)
            let link = folder.path("WordCount")
            try FileManager.default.createSymbolicLink(
                at: URL(filePath: link),
                withDestinationURL: Millrace.executable.deletingLastPathComponent()
                    .appending(path: "JobsUnderTest")
            )
            let outcome = try Millrace.run("run", link, "--data", data, "--until-caught-up")
            #expect(outcome.status == 0, "\(outcome.errors)")
            let said = outcome.errors.split(separator: "\n").filter { $0.contains("waits for") }
            #expect(said.count == 1, "\(outcome.errors)")
            let begin =
                "warning: the run waits for a transaction that is open in lines-0 from offset 0 "
                + "on: that of 'billing-0', open for "
            #expect(said.first?.hasPrefix(begin) == true, "\(said)")
            #expect(said.first?.contains("millrace txn abort billing-0 --data ") == true)
            let counts = try Millrace.consumeCounts(of: data, "--format", "%k\\n")
            #expect(counts.lines == ["seen"])
        }
    }
}
