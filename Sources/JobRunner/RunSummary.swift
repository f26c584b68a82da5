import Streams
import StreamsRuntime
import Telemetry
import Terminal

/// What a run did, for its closing line.
struct RunSummary: Equatable {
    var job: String
    var recordsIn: Int64 = 0
    var recordsOut: Int64 = 0
    var recordsSkipped: Int64 = 0
    var recordsDropped: Int64 = 0
    var drops = DropCounts()
    var recordsDeadLettered: Int64 = 0
    var offsetsLost: Int64 = 0
    var inputsReplaced: Int64 = 0
    var commits: Int64 = 0
    var storesWiped = 0
    var delayedByFullDisk: Int64 = 0
    /// What a run that was to catch up left, ended before; nil where it did, or where that was not
    /// asked for.
    var remainder: JobRemainder?
    var seconds: Double

    init(job: String, snapshots: [ThreadProgress.Snapshot], seconds: Double) {
        self.job = job
        self.seconds = seconds
        for snapshot in snapshots {
            recordsIn += snapshot.counters.recordsIn
            recordsOut += snapshot.recordsOut
            recordsSkipped += snapshot.counters.recordsSkipped
            recordsDropped += snapshot.counters.recordsDropped
            drops.add(snapshot.counters.drops)
            recordsDeadLettered += snapshot.counters.recordsDeadLettered
            offsetsLost += snapshot.lostCount
            inputsReplaced += snapshot.replacedCount
            commits += snapshot.commits
            storesWiped += snapshot.wipedStores.count
            delayedByFullDisk += snapshot.delayedCheckpoints + snapshot.delayedPurges
        }
    }

    private var recordsPerSecond: Double { seconds > 0 ? Double(recordsIn) / seconds : 0 }

    /// `word-count: 31,102 records in, 790,000 out, 2.13 s, 14,602 records/s`.
    var text: String {
        var text =
            "\(job): \(counted(Int(recordsIn), "record")) in, \(grouped(Int(recordsOut))) out"
        if recordsSkipped > 0 { text += ", \(grouped(Int(recordsSkipped))) skipped" }
        if recordsDropped > 0 {
            text += ", \(grouped(Int(recordsDropped))) dropped"
            if !drops.text.isEmpty { text += " (\(drops.text))" }
        }
        if recordsDeadLettered > 0 {
            text += ", \(grouped(Int(recordsDeadLettered))) to the dead letters"
        }
        if offsetsLost > 0 {
            text += ", \(grouped(Int(offsetsLost))) deleted by retention before they were read"
        }
        if inputsReplaced > 0 {
            text += ", \(counted(Int(inputsReplaced), "partition")) of topics made anew read from"
            text += " their start"
        }
        if storesWiped > 0 { text += ", \(counted(storesWiped, "store")) made anew" }
        if delayedByFullDisk > 0 {
            text += ", \(grouped(Int(delayedByFullDisk))) times a checkpoint or purge put off by a"
            text += " full disk"
        }
        text += ", \(decimal(seconds, places: 2)) s"
        text += ", \(grouped(Int(recordsPerSecond))) records/s\n"
        if recordsIn > 0, drops[.late] > recordsIn / 2 {
            text +=
                "\(job): many records came too late for their windows or rows: they are "
                + "older than others of their partition by more than grace: or expiry: allows\n"
        }
        if let remainder { text += "\(job): \(remainder.text)\n" }
        return text
    }

    /// The same as one JSON object; `drops` has the reasons that there were.
    var json: String {
        let fields: [(String, String)] = [
            ("job", jsonString(job)), ("records_in", "\(recordsIn)"),
            ("records_out", "\(recordsOut)"), ("records_skipped", "\(recordsSkipped)"),
            ("records_dropped", "\(recordsDropped)"), ("drops", drops.json),
            ("records_dead_lettered", "\(recordsDeadLettered)"), ("offsets_lost", "\(offsetsLost)"),
            ("inputs_replaced", "\(inputsReplaced)"),
            ("commits", "\(commits)"),
            ("stores_wiped", "\(storesWiped)"),
            ("delayed_by_full_disk", "\(delayedByFullDisk)"),
            ("offsets_left", "\(remainder?.count ?? 0)"),
            ("seconds", decimal(seconds, places: 3)),
            ("records_per_second", decimal(recordsPerSecond, places: 0)),
        ]
        return "{" + fields.map { "\"\($0)\":\($1)" }.joined(separator: ",") + "}\n"
    }
}

extension DropCounts {
    fileprivate var json: String {
        let known = DropReason.allCases.filter { self[$0] > 0 }
        return "{\(known.map { "\(jsonString($0.word)):\(self[$0])" }.joined(separator: ","))}"
    }
}
