import Streams
import StreamsRuntime
import Telemetry

/// The metrics of a job and of its process.
extension MetricsText {
    mutating func addJob(_ job: WatchSample.JobSample) {
        let name: Labels = [("job", job.specification.job)]
        addCounts(job, name)
        addReasons(job, name)
        addTopics(job, name)
        addCommits(job, name)
        addStores(job, name)
    }

    private mutating func addCounts(_ job: WatchSample.JobSample, _ name: Labels) {
        begin(
            "millrace_job_state",
            .gauge,
            help: "1 for the state that a job is in: restoring, running, stopping."
        )
        for state in [WatchedJob.State.restoring, .running, .stopping] {
            sample(state == job.state ? 1 : 0, name + [("state", state.rawValue)])
        }
        begin("millrace_job_threads", .gauge, help: "Stream threads.")
        sample(job.threadCount, name)
        begin("millrace_job_waiting_threads", .gauge, help: "Those that wait for the log.")
        sample(job.troubles.count, name)
        begin("millrace_job_records_in", .counter, help: "Records read from topics outside a job.")
        sample(job.counters.recordsIn, name)
        begin("millrace_job_records_out", .counter, help: "Records committed to sink topics.")
        sample(job.recordsOut, name)
        begin(
            "millrace_job_records_skipped",
            .counter,
            help: "Results that a policy for errors left out."
        )
        sample(job.counters.recordsSkipped, name)
        begin("millrace_job_commits", .counter, help: "Transactions that a job committed.")
        sample(job.commits, name)
        begin(
            "millrace_job_rewinds",
            .counter,
            help: "Ways back to what is committed, after a transaction that came to nothing."
        )
        sample(job.rewinds, name)
        begin(
            "millrace_job_restored_records",
            .counter,
            help: "Changelog records read back into stores."
        )
        sample(job.restored, name)
    }

    private mutating func addReasons(_ job: WatchSample.JobSample, _ name: Labels) {
        begin(
            "millrace_job_records_dropped",
            .counter,
            help: "Records that an operator dropped by its rule."
        )
        for reason in DropReason.allCases {
            sample(job.counters.drops[reason], name + [("reason", reason.word)])
        }
        begin(
            "millrace_job_dead_letters",
            .counter,
            help: "Records that went to the dead letters."
        )
        for (reason, count) in job.counters.deadLetters.sorted(by: { $0.key < $1.key }) {
            sample(count, name + [("reason", reason)])
        }
    }

    private mutating func addTopics(_ job: WatchSample.JobSample, _ name: Labels) {
        begin(
            "millrace_job_topic_position",
            .gauge,
            help: "The next offsets that a job reads, added up over a topic's partitions."
        )
        for (topic, position) in job.offsetsInByTopic.sorted(by: { $0.key < $1.key }) {
            sample(position, name + [("topic", topic)])
        }
        begin(
            "millrace_job_topic_records_out",
            .counter,
            help: "Records committed to a topic: results, repartitions, changelogs, dead letters."
        )
        for (topic, count) in job.recordsOutByTopic.sorted(by: { $0.key < $1.key }) {
            sample(count, name + [("topic", topic)])
        }
    }

    private mutating func addCommits(_ job: WatchSample.JobSample, _ name: Labels) {
        begin(
            "millrace_job_commit_seconds",
            .histogram,
            unit: .seconds,
            help: "Time from the begin of a commit to the end of its transaction."
        )
        sample(job.commitSeconds, name)
        begin(
            "millrace_job_phase_seconds",
            .counter,
            unit: .seconds,
            help: "Time that threads spent processing, in each step of a commit, and on ways back."
        )
        for phase in CommitTimes.Phase.allCases {
            sample(job.seconds[phase] ?? 0, name + [("phase", phase.rawValue)])
        }
    }

    private mutating func addStores(_ job: WatchSample.JobSample, _ name: Labels) {
        begin("millrace_store_entries", .gauge, help: "Keys of a store that are in memory.")
        for store in job.stores { sample(store.entryCount, name + [("store", store.name)]) }
        begin(
            "millrace_store_memory_bytes",
            .gauge,
            unit: .bytes,
            help: "Memory that a store holds, over all its partitions."
        )
        for store in job.stores { sample(store.byteCount, name + [("store", store.name)]) }
        begin(
            "millrace_store_complete",
            .gauge,
            help: "1 where every key of a store is in memory, 0 where some lie on the disk alone."
        )
        for store in job.stores { sample(store.isComplete ? 1 : 0, name + [("store", store.name)]) }
        begin(
            "millrace_stores_memory_bytes",
            .gauge,
            unit: .bytes,
            help: "Memory that all stores of a process hold."
        )
        sample(job.heldByteCount, name)
        begin(
            "millrace_stores_memory_limit_bytes",
            .gauge,
            unit: .bytes,
            help: "Memory that they may hold."
        )
        sample(job.heldByteLimit, name)
    }

    /// By the names that every program has for it.
    mutating func addProcess(_ facts: ProcessFacts) {
        if let resident = facts.residentByteCount {
            add(
                "process_resident_memory_bytes",
                .gauge,
                resident,
                unit: .bytes,
                help: "Memory that the process has."
            )
        }
        add(
            "process_cpu_seconds",
            .counter,
            facts.cpuSeconds,
            unit: .seconds,
            help: "Time on a processor, in its own code and in the system's."
        )
        if let count = facts.openDescriptorCount {
            add("process_open_fds", .gauge, count, help: "Open files, connections included.")
        }
        if let limit = facts.descriptorLimit {
            add("process_max_fds", .gauge, limit, help: "How many it may have open.")
        }
    }
}
