import LogModel
import RocksStore
import StateStores
import Streams
import Telemetry
import Terminal

/// What `millrace state list` says of one part of a store.
struct StoreRow {
    private let store: StoredStore
    private let byteCount: Int
    private var entryCount: Int?
    private var isCounted = false
    private var position: Offset?
    /// How many offsets its changelog goes on behind its position.
    private var behind: Int64?
    private var note: String?
    private(set) var isDamaged = false

    /// Opens the store for a moment; with `counts` all of it is read.
    init(_ store: StoredStore, counts: Bool) throws(CommandFailure) {
        self.store = store
        byteCount = store.byteCount
        switch store.part {
        case .memory:
            note = "kept in memory: nothing on disk"
            return
        case .missing:
            note = "not on disk: made of its changelog at the next start"
            return
        case .partition, .thread: break
        }
        let opened: RocksStore
        do throws(CommandFailure) { opened = try store.open() } catch {
            isDamaged = true
            note = "it cannot be read: \(error.reason ?? error.what)"
            return
        }
        defer { opened.close() }
        isCounted = counts
        if counts {
            var count = 0
            let all = KeyChoice.everything(of: store)
            _ = try store.forEach(all, in: opened) { _ in
                count += 1
                return true
            }
            entryCount = count
        } else {
            // RocksDB counts the mark as well.
            entryCount = max(0, opened.estimatedEntryCount - (opened.isEmpty ? 0 : 1))
        }
        if store.format == nil {
            note = "its format is not known: keys and values are shown as bytes"
        }
        readPosition(of: opened)
    }

    private mutating func readPosition(of opened: RocksStore) {
        guard let standing = store.standing(of: opened) else {
            note = note ?? "a copy of a whole topic"
            return
        }
        position = standing.position
        behind = standing.behind
        // That its changes are not all there says more than how they are shown.
        note = standing.note ?? note
    }

    // MARK: Showing

    private var entries: String {
        entryCount.map { (isCounted ? "" : "~") + grouped($0) } ?? "-"
    }

    private var part: String {
        switch store.part {
        case .partition(let index): "\(index.rawValue)"
        case .thread(let number): "thread \(number)"
        case .memory, .missing: "-"
        }
    }

    static func table(_ rows: [StoreRow]) -> String {
        var table = Terminal.Table(
            ("JOB", .left),
            ("STORE", .left),
            ("PARTITION", .right),
            ("KIND", .left),
            ("KEY", .left),
            ("VALUE", .left),
            ("ENTRIES", .right),
            ("SIZE", .right),
            ("POSITION", .right),
            ("BEHIND", .right),
            ("", .left)
        )
        for row in rows {
            table.add(
                row.store.job,
                row.store.name,
                row.part,
                row.store.format?.kind ?? "?",
                row.store.format?.key ?? "?",
                row.store.format?.value ?? "?",
                row.entries,
                ByteSize(byteCount: row.byteCount).description,
                row.position.map { "\($0.rawValue)" } ?? "-",
                row.behind.map { grouped(Int($0)) } ?? "-",
                row.note ?? ""
            )
        }
        return table.text
    }

    var json: String {
        func number(_ value: (some BinaryInteger)?) -> String { value.map { "\($0)" } ?? "null" }
        func text(_ value: String?) -> String { value.map(jsonString) ?? "null" }
        let (partition, thread): (Int32?, Int32?) =
            switch store.part {
            case .partition(let index): (index.rawValue, nil)
            case .thread(let slot): (nil, slot)
            case .memory, .missing: (nil, nil)
            }
        let fields: [(String, String)] = [
            ("job", jsonString(store.job)), ("store", jsonString(store.name)),
            ("partition", number(partition)), ("thread", number(thread)),
            ("kind", text(store.format?.kind)), ("key", text(store.format?.key)),
            ("value", text(store.format?.value)),
            ("window_ms", number(store.format?.windowSize)), ("entries", number(entryCount)),
            ("entries_counted", isCounted ? "true" : "false"), ("bytes", "\(byteCount)"),
            ("changelog", text(store.changelog?.description)),
            ("position", number(position?.rawValue)), ("behind", number(behind)),
            ("note", text(note)),
        ]
        return "{" + fields.map { "\"\($0)\":\($1)" }.joined(separator: ",") + "}\n"
    }
}
