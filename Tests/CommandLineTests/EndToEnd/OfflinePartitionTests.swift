import Foundation
import Testing

extension EndToEnd {
    /// A partition that is offline, of a directory that another process owns.
    @Suite(.serialized) struct OfflinePartitionTests: DirectorySuite {
        let folder: TemporaryFolder

        init() throws { folder = try TemporaryFolder() }

        /// A group behind all of three partitions, the last of which becomes another topic's.
        private func fill() throws {
            try succeed("topic", "create", "v", "--partitions", "3")
            for partition in ["0", "1", "2"] {
                try succeed("produce", "v", "--partition", partition, input: "a\nb\n")
            }
            try succeed("consume", "v", "--group", "r", "--until-end")
            try "version: 0\ntopic_id: AAAAAAAAAAAAAAAAAAAAAA\n".write(
                toFile: "\(data)/v-2/partition.metadata",
                atomically: true,
                encoding: .utf8
            )
        }

        @Test func `the description of a topic shows what its owner has not looked at yet`()
            throws
        {
            try fill()
            let owner = try OwnerProcess.serve(data, folder)
            let text = try succeed("topic", "describe", "v").output
            #expect(text.contains("partition 2 is offline: "), "\(text)")
            #expect(!text.contains("partition 1 is offline"), "\(text)")
            #expect(
                try succeed("topic", "describe", "v", "--json").output
                    .contains("\"state\":\"offline\"")
            )
            try owner.stop()
        }

        @Test(arguments: ["beginning", "end", "1", "2013-01-31T05:00:00Z"], [true, false])
        func `no position is set where that of a partition cannot be`(
            where place: String,
            executes: Bool
        ) throws {
            try fill()
            let owner = try OwnerProcess.serve(data, folder)
            // It has met it.
            _ = try run(["consume", "v", "--until-end"])
            let reset = ["group", "reset", "r", "--to", place] + (executes ? ["--execute"] : [])
            let outcome = try run(reset)
            #expect(outcome.status == 1 && outcome.lines.count == 4, "\(outcome)")
            #expect(outcome.lines.count { $0.hasSuffix(" ?") } == 1, "\(outcome)")
            #expect(
                outcome.errors.contains("no position is set: the offsets of v-2 are not told"),
                "\(outcome.errors)"
            )
            #expect(outcome.errors.contains("next: millrace topic describe v"))
            let lags = try run(["group", "describe", "r", "--json"]).output
            #expect(lags.components(separatedBy: "\"position\":2").count == 4, "\(lags)")
            try owner.stop()
        }
    }
}
