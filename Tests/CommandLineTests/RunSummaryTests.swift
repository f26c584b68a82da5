import Streams
import Testing

@testable import JobRunner

/// The closing line of a run.
@Suite struct RunSummaryTests {
    private func summary(late: Int64) -> RunSummary {
        var summary = RunSummary(job: "counts", snapshots: [], seconds: 2)
        summary.recordsIn = 1000
        summary.recordsOut = 10
        summary.recordsDropped = late + 1
        summary.drops[.late] = late
        summary.drops[.nullKey] = 1
        return summary
    }

    @Test func `reasons of drops are told for people and for programs`() {
        let few = summary(late: 3)
        #expect(few.text.hasPrefix("counts: 1,000 records in, 10 out, 4 dropped ("))
        #expect(few.text.contains("late 3") && few.text.contains("null-key 1"))
        #expect(few.text.split(separator: "\n").count == 1)
        #expect(few.json.contains("\"records_dropped\":4,\"drops\":{\"null-key\":1,\"late\":3},"))
        #expect(
            RunSummary(job: "j", snapshots: [], seconds: 1).json
                .contains("\"records_dropped\":0,\"drops\":{},")
        )
    }

    @Test func `a run that drops most of its records as late says what that means`() {
        let lines = summary(late: 600).text.split(separator: "\n")
        #expect(lines.count == 2)
        let words = "counts: many records came too late for their windows"
        #expect(lines.last?.hasPrefix(words) == true)
    }
}
