import DirectoryAccess
import LogModel
import RocksStore
import Streams
import Telemetry
import Terminal

/// Prints the entries of stores, a line each.
struct EntryPrinter: ~Copyable {
    private let asJSON: Bool
    private let showsKey: Bool
    private let limit: Int
    private var output = BufferedOutput(.standard)
    /// How many were printed.
    private(set) var count = 0
    /// What the parts that were looked at may lack.
    private(set) var lacks = StoreLacks()

    init(asJSON: Bool, showsKey: Bool, limit: Int) {
        self.asJSON = asJSON
        self.showsKey = showsKey
        self.limit = limit
    }

    /// Prints the chosen entries of one part of a store; false once there is no more to print.
    mutating func show(_ part: StoredStore, _ choice: KeyChoice) throws(CommandFailure) -> Bool {
        let store = try part.open()
        defer { store.close() }
        if let lack = part.standing(of: store)?.lack {
            lacks.add(lack, partition: part.part.number)
        }
        return try part.forEach(choice, in: store) { entry in
            output.append(asJSON ? json(entry, of: part) : line(entry, of: part))
            count += 1
            return count < limit && !output.isBroken
        }
    }

    mutating func flush() { output.flush() }

    /// Says what the parts of the store may lack.
    func tellLacks(of store: String) {
        for reason in lacks.reasons {
            TextOutput.error.write("note: the store '\(visible(store))', \(reason)\n")
        }
    }

    private func line(_ entry: StoreEntry, of part: StoredStore) -> String {
        var fields = showsKey ? [entry.key.withUnsafeBytes(part.keyForm.text)] : []
        switch entry.place {
        case .row: break
        case .window(let window): fields += [utcText(window.start), utcText(window.end)]
        case .version(let from, let to): fields += [utcText(from), to.map(utcText) ?? "-"]
        case .time(let time): fields.append(utcText(time))
        }
        let form = part.valueForm.side(isLeft: entry.isLeft)
        fields.append(entry.value?.withUnsafeBytes(form.text) ?? "null")
        return fields.joined(separator: "\t") + "\n"
    }

    private func json(_ entry: StoreEntry, of part: StoredStore) -> String {
        var fields = [
            ("job", jsonString(part.job)), ("store", jsonString(part.name)),
            ("partition", "\(part.part.number)"),
            ("key", entry.key.withUnsafeBytes(part.keyForm.json)),
        ]
        func time(_ name: String, _ time: Timestamp?) {
            fields.append((name, time.map { jsonString(utcText($0)) } ?? "null"))
        }
        switch entry.place {
        case .row: time("timestamp", entry.timestamp)
        case .window(let window):
            time("window_start", window.start)
            time("window_end", window.end)
        case .version(let from, let to):
            time("valid_from", from)
            time("valid_to", to)
        case .time(let moment): time("timestamp", moment)
        }
        if let isLeft = entry.isLeft { fields.append(("side", isLeft ? "\"left\"" : "\"right\"")) }
        let form = part.valueForm.side(isLeft: entry.isLeft)
        fields.append(("value", entry.value?.withUnsafeBytes(form.json) ?? "null"))
        return "{" + fields.map { "\"\($0)\":\($1)" }.joined(separator: ",") + "}\n"
    }
}
