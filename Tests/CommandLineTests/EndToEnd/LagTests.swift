import Broker
import Coordination
import DirectoryAccess
import EmbeddedClient
import Foundation
import LogClient
import LogModel
import Testing

extension EndToEnd {
    /// What counts as not read, in records, in seconds and for `--slo`.
    @Suite(.serialized) struct LagTests: DirectorySuite {
        let folder: TemporaryFolder

        init() throws { folder = try TemporaryFolder() }

        /// Writes a record in a transaction of its own, in this process.
        private func write(_ value: String, to topic: String, commits: Bool) throws {
            let log = try OpenLog(data, creates: false)
            let producer = try log.client.makeTransactionalProducer(
                transactionalID: "t",
                transactionTimeout: .seconds(60)
            )
            var batch = RecordBatchBuilder()
            Array(value.utf8).withUnsafeBytes {
                batch.append(timestamp: Timestamp(1_000_000_000_000), key: nil, value: $0)
            }
            try producer.append(&batch, to: TopicPartition(topic, PartitionIndex(0)))
            try commits ? producer.commit() : producer.abort()
            producer.close()
            log.client.close()
            try log.close()
        }

        @Test func `what was aborted keeps no group from being caught up`() throws {
            try succeed("topic", "create", "lines")
            try write("seen", to: "lines", commits: true)
            let read = ["consume", "lines", "--group", "g", "--until-end", "--max", "1"]
            #expect(try succeed(read).lines == ["seen"])
            try write("unseen", to: "lines", commits: false)
            let caughtUp = try succeed("lag", "g", "--slo", "1us")
            #expect(caughtUp.lines.last?.hasSuffix("  -") == true, "\(caughtUp.output)")
            let fields = try succeed("lag", "g", "--slo", "1us", "--json").output
            #expect(fields.contains(#""seconds":null"#), "\(fields)")
            // Behind what is aborted a record counts, with its own age.
            try write("late", to: "lines", commits: true)
            let late = try run(["lag", "g", "--slo", "30s"])
            #expect(late.status == 2, "\(late)")
            // Hours and minutes, as of 2001 on.
            let age = try #require(late.lines.last?.split(separator: " ").last)
            #expect(age.wholeMatch(of: /[0-9]{6,}h[0-9]{2}m/) != nil, "\(late.output)")
            let seconds = try run(["lag", "g", "--json"]).output
            #expect(seconds.contains(/"seconds":[0-9]{9,}\.[0-9]{3}}/), "\(seconds)")
        }

        @Test func `a record without a time has no age`() throws {
            try succeed("topic", "create", "lines")
            try succeed("group", "reset", "g", "--topic", "lines", "--execute")
            let record = #"{"value":"a","timestamp":-1}"#
            let produced = try succeed("produce", "lines", "--input", "json", input: record)
            #expect(produced.errors.isEmpty, "\(produced)")
            let lag = try succeed("lag", "g", "--slo", "1us")
            #expect(lag.lines.last?.hasSuffix("1       -") == true, "\(lag.output)")
            #expect(try succeed("lag", "g", "--json").output.contains(#""seconds":null"#))
            let read = ["consume", "lines", "--until-end"]
            #expect(try succeed(read + ["--format", "%T %s\\n", "--time", "iso"]).lines == ["- a"])
            #expect(try succeed(read + ["--output", "json"]).output.contains(#""timestamp":-1,"#))
            // Without a position any record is too far behind, with a time or without.
            try succeed("topic", "create", "more", "--partitions", "2")
            try succeed("produce", "more", "--partition", "0", input: "a\n")
            try succeed("consume", "more", "--group", "h", "--partition", "0", "--until-end")
            #expect(try run(["lag", "h", "--slo", "1h"]).status == 0)
            try succeed("produce", "more", "--input", "json", "--partition", "1", input: record)
            #expect(try run(["lag", "h", "--slo", "1h"]).status == 2)
        }

        @Test func `a partition without a position counts from the log's begin`() throws {
            try succeed("topic", "create", "lines", "--partitions", "3")
            for partition in ["0", "1"] {
                try succeed("produce", "lines", "--partition", partition, input: "a\nb\nc\n")
            }
            try succeed("consume", "lines", "--partition", "1", "--group", "g", "--until-end")
            let described = try succeed("group", "describe", "g").lines
            let rows = described.suffix(3).map { $0.split(separator: " ").map(String.init) }
            #expect(
                rows == [
                    ["lines", "0", "-", "3", "3"], ["lines", "1", "3", "3", "0"],
                    ["lines", "2", "-", "0", "0"],
                ],
                "\(described)"
            )
            let json = try succeed("group", "describe", "g", "--json").output
            #expect(json.contains(#""partition":0,"position":null,"end":3,"lag":3"#), "\(json)")
            let lag = try succeed("lag")
            #expect(lag.output.contains("no position in lines-0 and 1 other partition"), "\(lag)")
            let fields = try succeed("lag", "g", "--json").output
            #expect(fields.contains(#""records":3,"partitions_without_position":2"#), "\(fields)")
            #expect(try run(["lag", "g", "--slo", "1h"]).status == 2)
            try succeed("consume", "lines", "--partition", "0", "--group", "g", "--until-end")
            // Nothing is missed in a partition that is empty.
            try succeed("lag", "g", "--slo", "1us")
        }

        @Test func `a position behind the end is told, and passes no check`() throws {
            try succeed("topic", "create", "lines")
            try succeed("produce", "lines", input: "a\nb\n")
            let log = try OpenLog(data, creates: false)
            try log.broker.commitOffsets(
                group: "g",
                [
                    TopicPartition("lines", PartitionIndex(0)): CommittedOffset(
                        offset: Offset(500),
                        commitTime: SystemTimeSource().wallTime()
                    )
                ]
            )
            try log.close()
            for words in [["lag", "g"], ["lag", "--slo", "1h"], ["group", "describe", "g"]] {
                let outcome = try run(words)
                #expect(outcome.status == 1, "\(outcome)")
                #expect(
                    outcome.errors.contains("its position is 500, behind the partition's end at 2"),
                    "\(outcome.errors)"
                )
                #expect(outcome.errors.contains("group reset g --topic=lines"))
                let row = outcome.lines.last { $0.contains("lines") } ?? ""
                #expect(row.contains("?"), "\(outcome.output)")
            }
            let diagnosis = try run(["doctor"])
            #expect(
                diagnosis.output.contains(
                    "how far the group 'g' is behind in lines-0 is not known"
                ),
                "\(diagnosis.output)"
            )
        }

        @Test func `behind damage the records count, and their age is not known`() throws {
            try succeed("topic", "create", "lines")
            try succeed("produce", "lines", input: "a\nb\n")
            try succeed("consume", "lines", "--group", "g", "--until-end")
            let segment = URL(filePath: "\(data)/lines-0/00000000000000000000.log")
            let begin = try Data(contentsOf: segment).count
            for _ in 0..<3 {
                let lines = (0..<500).map { "line \($0)\n" }.joined()
                try succeed("produce", "lines", input: lines)
            }
            var bytes = try Data(contentsOf: segment)
            bytes[begin + 70] ^= 0x10
            try bytes.write(to: segment)
            let outcome = try run(["lag", "g"])
            #expect(outcome.status == 1)
            let row = outcome.lines.last?.split(separator: " ").map(String.init)
            #expect(row == ["g", "lines", "1,500", "?"], "\(outcome.output)")
            #expect(
                outcome.errors.contains(
                    "the record at offset 2 of lines-0 cannot be read: it is damaged, or the "
                        + "partition is offline"
                ),
                "\(outcome.errors)"
            )
            let diagnosis = try run(["doctor"])
            #expect(diagnosis.output.contains("how far the group 'g' is behind in lines-0"))
        }
    }
}
