import KafkaDirectory
import LogModel
import LogStorage
import Terminal

/// Which offsets of each partition a dump shows.
struct DumpRange: Equatable {
    /// The first one that is shown; nil for all from the beginning.
    let start: Offset?
    /// The first one that is not shown any more; nil for all to the end.
    let stop: Offset?

    init(from start: Int?, until stop: Int?) throws(UsageError) {
        if let start, let stop, stop <= start {
            throw UsageError(
                "nothing lies from offset \(start) until \(stop): --until is the first offset "
                    + "that is not shown"
            )
        }
        self.start = start.map { Offset(Int64($0)) }
        self.stop = stop.map { Offset(Int64($0)) }
    }

    var isLimited: Bool { start != nil || stop != nil }

    func holds(_ offset: Offset) -> Bool { !isBehind(offset) && !isReached(by: offset) }

    /// Whether the range begins behind an entry that ends so.
    func isBehind(_ last: Offset) -> Bool { start.map { last < $0 } ?? false }

    /// Whether the range has ended in front of an entry that begins so.
    func isReached(by first: Offset) -> Bool { stop.map { first >= $0 } ?? false }

    /// Those of a partition's segment files, in their order, that can have something of it: one
    /// ends where the next begins. A file whose name says nothing is looked into.
    func files(among paths: [String]) -> [String] {
        paths.indices.filter { index in
            guard let base = Self.base(of: paths[index]) else { return true }
            if isReached(by: base) { return false }
            guard let start, index + 1 < paths.count, let next = Self.base(of: paths[index + 1])
            else { return true }
            return next > start
        }.map { paths[$0] }
    }

    static func base(of path: String) -> Offset? {
        SegmentName.offset(in: String(path.split(separator: "/").last ?? ""), .log)
    }

    // MARK: Nothing

    private static let shownPartitionLimit = 4

    /// Nothing of these partitions lies in the range; what they have is told.
    func nothing(in folders: [PartitionFolder], data: String) -> CommandFailure {
        var parts = folders.prefix(Self.shownPartitionLimit).map { folder in
            let bounds = Self.bounds(of: folder)
            return bounds.map { "\(folder.name) has \($0.rawValue) to \($1.rawValue)" }
                ?? "\(folder.name) has none"
        }
        if folders.count > parts.count { parts.append("and so on") }
        return CommandFailure(
            "no batch has an offset of this range",
            place: data,
            reason: parts.isEmpty ? "nothing was written there yet" : parts.joined(separator: "; "),
            next: "give other offsets to --from and --until"
        )
    }

    /// The first and the last offset that a partition's segments have; nil where they have none,
    /// or cannot be read.
    private static func bounds(of folder: PartitionFolder) -> (Offset, Offset)? {
        guard let paths = try? folder.files(ending: ".log") else { return nil }
        var first: Offset?
        var last: Offset?
        for path in paths where first == nil {
            entries(of: path) { entry in
                first = first ?? entry.firstOffset
                return false
            }
        }
        for path in paths.reversed() where last == nil {
            entries(of: path) { entry in
                last = entry.lastOffset
                return true
            }
        }
        guard let first, let last else { return nil }
        return (first, last)
    }

    /// Calls `body` with a file's entries, up to damage, as long as it wants more.
    private static func entries(of path: String, _ body: (StoredEntry) -> Bool) {
        guard let file = try? PosixDisk().open(path, .read) else { return }
        defer { file.close() }
        guard let byteCount = try? file.byteCount() else { return }
        var scanner = EntryScanner(file: file, to: byteCount)
        while case .entry(let entry)? = try? scanner.next(), body(entry) {
            scanner.advance(by: entry.byteCount)
        }
    }
}
