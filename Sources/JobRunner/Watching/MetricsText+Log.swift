import Broker
import BrokerAPI
import DirectoryAccess
import LogModel
import LogStorage
import Telemetry

/// The metrics of the log: every name, with what it means.
extension MetricsText {
    mutating func addLog(_ sample: WatchSample) {
        addPartitions(sample)
        addAppends(sample)
        addTopics(sample.topics)
        addGroups(sample)
        addTransactions(sample)
        addDeadLetters(sample.deadLetters)
        addRequests(sample)
    }

    private mutating func addPartitions(_ sample: WatchSample) {
        let counts = sample.partitions
        add("millrace_topics", .gauge, sample.topicCount, help: "Topics, internal ones included.")
        add("millrace_partitions", .gauge, counts.all, help: "Partitions.")
        add(
            "millrace_partitions_open",
            .gauge,
            counts.open,
            help: "Partitions that were opened: the others sleep until they are needed."
        )
        begin(
            "millrace_partitions_failing",
            .gauge,
            help: "Partitions that are not whole: offline, damaged, or taking no more (read_only)."
        )
        self.sample(counts.offline, [("state", "offline")])
        self.sample(counts.damaged, [("state", "damaged")])
        self.sample(counts.readOnly, [("state", "read_only")])
        if let free = sample.freeByteCount {
            add(
                "millrace_disk_free_bytes",
                .gauge,
                free,
                unit: .bytes,
                help: "Room on the disk of the data directory."
            )
        }
        add(
            "millrace_disk_reserved_bytes",
            .gauge,
            sample.reservedByteCount,
            unit: .bytes,
            help: "Room that is kept for the ends of transactions: with less nothing is taken."
        )
    }

    private mutating func addAppends(_ sample: WatchSample) {
        add(
            "millrace_appended_batches",
            .counter,
            sample.statistics.batchCount,
            help: "Batches appended to partitions, markers of transactions apart."
        )
        add(
            "millrace_appended_bytes",
            .counter,
            sample.statistics.byteCount,
            unit: .bytes,
            help: "Bytes of those batches."
        )
        add(
            "millrace_journal_bytes",
            .counter,
            sample.journalByteCount,
            unit: .bytes,
            help: "Bytes written to the journal."
        )
        begin(
            "millrace_journal_flush_seconds",
            .histogram,
            unit: .seconds,
            help: "Time to write and flush one group of the journal."
        )
        self.sample(sample.flushSeconds)
        begin(
            "millrace_journal_group_partitions",
            .histogram,
            help: "Partitions made durable by one flush of the journal."
        )
        self.sample(sample.flushPartitions)
        add(
            "millrace_fdatasyncs",
            .counter,
            sample.fdatasyncCount,
            help: "Flushes to the disk, of the journal and of segments."
        )
        add(
            "millrace_background_failures",
            .counter,
            sample.statistics.failureCount,
            help: "Work in the background that failed: flushes, retention, expiry."
        )
    }

    private mutating func addTopics(_ topics: [WatchSample.TopicSample]) {
        begin("millrace_topic_partitions", .gauge, help: "Partitions of a topic.")
        for topic in topics { sample(topic.partitionCount, [("topic", topic.name)]) }
        begin(
            "millrace_topic_offsets",
            .counter,
            help: "Offsets given out in a topic: records, and markers of transactions."
        )
        for topic in topics { sample(topic.offsetCount, [("topic", topic.name)]) }
        begin(
            "millrace_topic_held_offsets",
            .gauge,
            help: "Offsets between the start and the end of a topic's partitions."
        )
        for topic in topics { sample(topic.heldOffsetCount, [("topic", topic.name)]) }
        begin(
            "millrace_topic_size_bytes",
            .gauge,
            unit: .bytes,
            help: "Bytes of a topic's files, counted twice a minute."
        )
        for topic in topics {
            if let bytes = topic.byteCount { sample(bytes, [("topic", topic.name)]) }
        }
    }

    private mutating func addGroups(_ sample: WatchSample) {
        add("millrace_groups", .gauge, sample.groupCount, help: "Groups with members or positions.")
        begin("millrace_group_members", .gauge, help: "Members of a group.")
        for group in sample.groups { self.sample(group.memberCount, [("group", group.id)]) }
        begin(
            "millrace_group_lag_records",
            .gauge,
            help: "Offsets between a group's position, or the log's begin where it has none, and "
                + "the high watermark; negative where a position is behind it."
        )
        for group in sample.groups {
            for lag in group.lags { self.sample(lag.records, Self.labels(group, lag)) }
        }
        begin(
            "millrace_group_lag_seconds",
            .gauge,
            unit: .seconds,
            help: "Age of the oldest committed record that a group has not read; 0 where it has "
                + "read all."
        )
        for group in sample.groups {
            for lag in group.lags where lag.seconds != nil || lag.records == 0 {
                self.sample(lag.seconds ?? 0, Self.labels(group, lag))
            }
        }
        begin(
            "millrace_group_partitions_without_position",
            .gauge,
            help:
                "Partitions that members of a group are to read of a topic that it has no position "
                + "in: how far it is behind there nobody knows, and no lag is told."
        )
        for group in sample.groups {
            for (topic, count) in group.unplacedCounts {
                self.sample(count, [("group", group.id), ("topic", topic)])
            }
        }
        add(
            "millrace_group_partitions_left_out",
            .gauge,
            sample.leftOutLagCount,
            help: "Partitions of groups that are not told of: too many."
        )
    }

    private static func labels(
        _ group: WatchSample.GroupSample,
        _ lag: WatchSample.PartitionLag
    ) -> Labels {
        [
            ("group", group.id), ("topic", lag.partition.topic),
            ("partition", "\(lag.partition.partition.rawValue)"),
        ]
    }

    private mutating func addTransactions(_ sample: WatchSample) {
        add(
            "millrace_transactions_open",
            .gauge,
            sample.openTransactionCount,
            help: "Transactions that are open or on their way to an end."
        )
        add(
            "millrace_transaction_oldest_age_seconds",
            .gauge,
            sample.oldestTransactionSeconds,
            unit: .seconds,
            help: "Age of the oldest of them; 0 where there is none."
        )
        begin("millrace_transactions", .counter, help: "Transactions that ended, by their result.")
        self.sample(sample.statistics.commitCount, [("result", "committed")])
        self.sample(sample.statistics.abortCount, [("result", "aborted")])
    }

    private mutating func addDeadLetters(_ letters: [WatchSample.DeadLetterSample]) {
        begin(
            "millrace_dead_letter_topic_records",
            .gauge,
            help:
                "Records in a topic of dead letters, open or dealt with, as far as counted."
        )
        for letter in letters { sample(letter.count, [("topic", letter.topic)]) }
        begin(
            "millrace_dead_letter_topic_uncounted_offsets",
            .gauge,
            help: "Offsets of a topic of dead letters that are not counted yet."
        )
        for letter in letters { sample(letter.uncountedOffsetCount, [("topic", letter.topic)]) }
        begin(
            "millrace_dead_letter_topic_open_records",
            .gauge,
            help: "Dead letters of a topic that were not replayed, parked or dropped."
        )
        for letter in letters {
            guard let count = letter.openCount else { continue }
            sample(count, [("topic", letter.topic)])
        }
        begin(
            "millrace_dead_letter_topic_oldest_age_seconds",
            .gauge,
            unit: .seconds,
            help: "Age of the oldest record there, open or dealt with; 0 where there is none."
        )
        for letter in letters
        where letter.oldestSeconds != nil
            || (letter.count == 0 && letter.uncountedOffsetCount == 0)
        {
            sample(letter.oldestSeconds ?? 0, [("topic", letter.topic)])
        }
    }

    private mutating func addRequests(_ sample: WatchSample) {
        if let (accepted, open) = sample.connections {
            add(
                "millrace_connections",
                .counter,
                accepted,
                help: "Connections of Kafka's protocol that were accepted."
            )
            add("millrace_connections_open", .gauge, open, help: "Those that are open.")
        }
        if let count = sample.failedLoginCount {
            add(
                "millrace_failed_logins",
                .counter,
                count,
                help: "Logins with SASL that failed."
            )
        }
        begin(
            "millrace_request_duration_seconds",
            .histogram,
            unit: .seconds,
            help: "Time from the begin of a request's handling to its answer: some wait for others."
        )
        for usage in sample.usages { self.sample(usage.seconds, [("api", usage.name)]) }
        begin(
            "millrace_requests_refused",
            .counter,
            help: "Requests that were answered by closing the connection."
        )
        for usage in sample.usages { self.sample(usage.closedCount, [("api", usage.name)]) }
    }
}
