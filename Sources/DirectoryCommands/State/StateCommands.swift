import DirectoryAccess
package import Terminal

/// `millrace state …`: what jobs that are stopped have in their stores, read without changing it.
package enum StateCommands {
    private static let data = DataDirectoryOption.parameter
    private static let job = Parameter.optional(
        "job",
        .nonemptyText("NAME"),
        help: "only the stores of this job"
    )
    private static let asJSON = Parameter.flag("json", help: "one JSON object a line")
    private static let store = Parameter.argument(
        .nonemptyText("STORE"),
        help: "the store's name in its job"
    )
    private static let key = Parameter.argument(
        .text("KEY"),
        help:
            "text or a number, as the store's keys are; of others, and where they are none, their "
            + "bytes: 0x01ab"
    )
    private static let partition = Parameter.optional(
        "partition",
        .integer(0...9_999),
        help: "only this partition of the store"
    )

    package static let command = Command(
        "state",
        summary: "read the stores of stopped jobs",
        discussion: "What a store holds is as of the job's last checkpoint: the last commit, where "
            + "the job ended in order.\nThat its changelog has more is said. Nothing is written, "
            + "and no job starts meanwhile. A store\nwhose job runs is not read; its changelog is.",
        examples: [
            .init("millrace state list", "every store, and how far it is"),
            .init("millrace state get counts rose", "what the store has for a key"),
            .init("millrace state scan counts --prefix ro --max 10", "keys that begin so"),
        ],
        subcommands: [list, get, scan]
    )

    // MARK: list

    private static let count = Parameter.flag(
        "count",
        help: "count the entries by reading all of them; else RocksDB's estimate is shown"
    )

    private static let list = Command(
        "list",
        summary: "the stores with their formats, sizes and positions",
        discussion: "ENTRIES begins with ~ where it is an estimate of RocksDB, which takes in what "
            + "a store keeps for itself\nand entries that were overwritten since the last "
            + "merging. POSITION is the changelog's offset up to which\nthe store has the "
            + "changes, BEHIND how many offsets the changelog has after it: 1 is the end of the\n"
            + "last transaction. Of a store without a checkpoint BEHIND is the whole changelog.",
        parameters: [
            job.declaration, count.declaration, asJSON.declaration, data.declaration,
        ],
        examples: [
            .init("millrace state list", "of every job"),
            .init("millrace state list --job word-count --count", "entries counted"),
        ],
        exits: [.init("1", "a store cannot be read, or the work failed")]
    ) { invocation in
        let stopped = try StoppedStores(invocation[data])
        defer { stopped.close() }
        let chosen = stopped.stores.filter { (invocation[job] ?? $0.job) == $0.job }
        if chosen.isEmpty, let name = invocation[job] {
            throw CommandFailure(
                "the job '\(name)' has no stores here",
                place: invocation[data],
                reason: stopped.reason(ofNoStoresFor: name),
                next: nextCommand("state list", data: invocation[data])
            )
        }
        var rows: [StoreRow] = []
        for store in chosen { rows.append(try StoreRow(store, counts: invocation[count])) }
        if invocation[asJSON] {
            for row in rows { TextOutput.standard.write(row.json) }
        } else {
            TextOutput.standard.write(StoreRow.table(rows))
        }
        return rows.contains(where: \.isDamaged) ? .failed : .done
    }

    // MARK: get

    private static let get = Command(
        "get",
        summary: "what a store has for a key",
        discussion:
            "A value a line; where the store has windows, sessions, versions or times, they "
            + "stand in front of it, in\nUTC.",
        parameters: [
            store.declaration, key.declaration, job.declaration, asJSON.declaration,
            data.declaration,
        ],
        examples: [
            .init("millrace state get counts rose", "one value"),
            .init("millrace state get by-hour AA --json", "every window of a key"),
        ],
        exits: [.init("1", "the store has no such key, or the work failed")]
    ) { invocation in
        let stopped = try StoppedStores(invocation[data])
        defer { stopped.close() }
        let name = invocation[store]
        let parts = try stopped.require(name, job: invocation[job], partition: nil)
        var lacks = StoreLacks()
        for choice in try KeyChoice.one(invocation[key], parts[0].keyForm) {
            var printer = EntryPrinter(asJSON: invocation[asJSON], showsKey: false, limit: .max)
            for part in parts { _ = try printer.show(part, choice) }
            printer.flush()
            if printer.count > 0 {
                printer.tellLacks(of: name)
                return .done
            }
            lacks = printer.lacks
        }
        throw missing(invocation[key], parts[0], lacks, data: invocation[data])
    }

    /// A key that is not found: of a store that may lack what its job knew, that says little.
    private static func missing(
        _ key: String,
        _ store: StoredStore,
        _ lacks: StoreLacks,
        data: String
    ) -> CommandFailure {
        guard lacks.isEmpty else {
            return CommandFailure(
                "whether the store '\(store.name)' has the key '\(key)' is not known here",
                place: data,
                reason: lacks.reasons.joined(separator: "; "),
                next: nextCommand(
                    "consume \(argument: store.changelogName) --until-end",
                    data: data
                )
            )
        }
        return CommandFailure(
            "the store '\(store.name)' has no key '\(key)'",
            place: data,
            next: nextCommand("state scan \(argument: store.name) --max 10", data: data)
        )
    }

    // MARK: scan

    private static let prefix = Parameter.optional(
        "prefix",
        .nonemptyText("KEY"),
        help: "only keys that begin so"
    )
    private static let from = Parameter.optional(
        "from",
        .nonemptyText("KEY"),
        help: "only keys from this one on"
    )
    private static let to = Parameter.optional(
        "to",
        .nonemptyText("KEY"),
        help: "only keys before this one"
    )
    private static let limit = Parameter.option(
        "max",
        .integer(1...Int.max),
        default: Int.max,
        shown: "all",
        help: "print at most so many entries"
    )

    private static let scan = Command(
        "scan",
        summary: "print the entries of a store",
        discussion: "An entry a line, its parts parted by tabs: the key; start and end of its "
            + "window or session, since when and\nuntil when it was the value, or its time; the "
            + "value. Partition by partition, in each in the order of the\nstore: that of the "
            + "keys' bytes, and of the times where windows and joins are kept by time.",
        parameters: [
            store.declaration, prefix.declaration, from.declaration, to.declaration,
            limit.declaration, partition.declaration, job.declaration, asJSON.declaration,
            data.declaration,
        ],
        examples: [
            .init("millrace state scan counts --prefix ro", "keys that begin so"),
            .init("millrace state scan totals --from 100 --to 200 --json", "a range of numbers"),
        ]
    ) { invocation in
        let stopped = try StoppedStores(invocation[data])
        defer { stopped.close() }
        let parts = try stopped.require(
            invocation[store],
            job: invocation[job],
            partition: invocation[partition]
        )
        let choice = try KeyChoice.range(
            from: invocation[from],
            to: invocation[to],
            prefix: invocation[prefix],
            parts[0].keyForm
        ) { beginning in
            for part in parts where try part.hasKey(beginning) { return true }
            return false
        }
        var printer = EntryPrinter(
            asJSON: invocation[asJSON],
            showsKey: true,
            limit: invocation[limit]
        )
        for part in parts {
            guard try printer.show(part, choice) else { break }
        }
        printer.flush()
        printer.tellLacks(of: invocation[store])
        return .done
    }
}
