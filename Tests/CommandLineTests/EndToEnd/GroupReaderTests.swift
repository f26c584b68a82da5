import Foundation
import Testing

extension EndToEnd {
    /// Readers of one group that has no members, and who changes its positions beside them.
    @Suite(.serialized) struct GroupReaderTests: DirectorySuite {
        let folder: TemporaryFolder

        init() throws { folder = try TemporaryFolder() }

        /// Reads two lines as the group, does `meanwhile`, and asks the reader to end.
        private func read(_ meanwhile: String) throws -> Millrace.Outcome {
            let millrace = "'\(Millrace.executable.path)'"
            let place = "--data '\(data)'"
            return try Millrace.shell(
                """
                out='\(folder.path("out"))'
                : > "$out"
                \(millrace) consume t --group g \(place) > "$out" &
                pid=$!
                for try in $(seq 600); do
                    [ "$(wc -l < "$out")" -lt 2 ] && kill -0 $pid || break
                    sleep 0.1
                done
                \(millrace) \(meanwhile) \(place) || exit 99
                kill -TERM $pid
                wait $pid
                """
            )
        }

        @Test(arguments: [
            ("group reset g --to beginning --execute", "now it is at 0", "0"),
            ("group delete g", "now it has none", nil),
            ("consume t --group g --max 1", "now it is at 2", "2"),
        ])
        func `what was changed meanwhile is told and not undone`(
            meanwhile: String,
            words: String,
            position: String?
        ) throws {
            let owner = try OwnerProcess.serve(data, folder)
            try succeed("topic", "create", "t")
            try succeed("produce", "t", input: "a\nb\nc\n")
            try succeed("consume", "t", "--group", "g", "--max", "1")
            let outcome = try read(meanwhile)
            #expect(outcome.status == 1, "\(outcome)")
            #expect(outcome.errors.contains("in t-0 this command left it at 1"), "\(outcome)")
            #expect(outcome.errors.contains(words), "\(outcome.errors)")
            #expect(outcome.errors.contains("next: millrace group describe g"), "\(outcome.errors)")
            let described = try run(["group", "describe", "g"])
            if let position {
                let row = described.lines.last?.split(separator: " ").map(String.init)
                #expect(row?.prefix(3) == ["t", "0", position], "\(described)")
            } else {
                #expect(described.status == 1, "\(described)")
            }
            try owner.stop()
        }

        @Test func `a reader alone goes on, and notes each position once more`() throws {
            let owner = try OwnerProcess.serve(data, folder)
            try succeed("topic", "create", "t")
            try succeed("produce", "t", input: "a\nb\nc\n")
            try succeed("consume", "t", "--group", "g", "--max", "1")
            let outcome = try read("topic list")
            #expect(outcome.status == 0, "\(outcome)")
            let again = try succeed("consume", "t", "--group", "g", "--until-end")
            #expect(again.output.isEmpty, "\(again)")
            try owner.stop()
        }
    }
}
