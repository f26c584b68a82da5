package import LogModel
import LogStorage

/// One segment of a partition as Kafka would see it at its start.
package struct KafkaSegment: Equatable, Sendable {
    package var baseOffset: Offset
    /// The path of the file of batches; `.swap` at its end where the cleaner was interrupted.
    package var path: String
    package var byteCount: Int64
}

/// Which files of a partition's folder are its log, decided as Kafka decides at its start.
///
///     .deleted   to be removed: ignored
///     .cleaned   the cleaner's unfinished output: ignored
///     .swap      its finished output, about to take the place of the segments it covers
///
/// A `.swap` at or behind the first `.cleaned` belongs to an unfinished split and is ignored, too.
struct SegmentFiles: Equatable {
    /// Base offsets of the segments with their plain name.
    private(set) var plain: [Offset] = []
    /// Base offsets of the finished replacements.
    private(set) var swaps: [Offset] = []

    static let suffix = ".log"
    static let swapSuffix = ".log.swap"
    private static let cleanedSuffix = ".cleaned"

    init(names: [String]) {
        plain = names.compactMap { SegmentName.offset(in: $0, .log) }.sorted()
        let cleaned = names.compactMap { name -> Offset? in
            guard name.hasSuffix(Self.cleanedSuffix) else { return nil }
            return Int64(name.prefix { $0 != "." }).map { Offset($0) }
        }.min()
        swaps = names.filter { $0.hasSuffix(Self.swapSuffix) }
            .compactMap { SegmentName.offset(in: String($0.dropLast(5)), .log) }
            .filter { swap in cleaned.map { swap < $0 } ?? true }.sorted()
    }

    /// The segments to read, once it is known where the replacements end: those with a plain name
    /// between the first replacement and the end of the last are what was replaced.
    func chosen(swapEnd: Offset?) -> [(base: Offset, suffix: String)] {
        var kept = plain.map { (base: $0, suffix: Self.suffix) }
        if let first = swaps.first, let swapEnd {
            kept.removeAll { $0.base >= first && ($0.base < swapEnd || $0.base == first) }
        }
        kept += swaps.map { (base: $0, suffix: Self.swapSuffix) }
        return kept.sorted { $0.base < $1.base }
    }
}

extension SegmentFiles {
    /// The segments of a folder with these names.
    static func segments(
        in folder: String,
        names: [String],
        disk: any Disk
    ) throws(DiskError) -> [KafkaSegment] {
        let files = SegmentFiles(names: names)
        var swapEnd: Offset?
        for base in files.swaps {
            let path = "\(folder)/\(SegmentName.base(base))\(swapSuffix)"
            let end = try endOffset(of: path, base: base, disk: disk)
            swapEnd = max(swapEnd ?? end, end)
        }
        var segments: [KafkaSegment] = []
        for (base, suffix) in files.chosen(swapEnd: swapEnd) {
            let path = "\(folder)/\(SegmentName.base(base))\(suffix)"
            let file = try disk.open(path, .read)
            defer { file.close() }
            segments.append(
                KafkaSegment(baseOffset: base, path: path, byteCount: try file.byteCount())
            )
        }
        return segments
    }

    /// Behind the last whole entry of a file.
    private static func endOffset(
        of path: String,
        base: Offset,
        disk: any Disk
    ) throws(DiskError) -> Offset {
        let file = try disk.open(path, .read)
        defer { file.close() }
        var scanner = EntryScanner(file: file, to: try file.byteCount())
        var end = base
        while case .entry(let entry) = try scanner.next() {
            end = max(end, entry.lastOffset.advanced(by: 1))
            scanner.advance(by: entry.byteCount)
        }
        return end
    }
}
