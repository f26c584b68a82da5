import Foundation
import KafkaDirectory
import LogStorage

/// `storage/segments`: directories that a Kafka broker left, read as `log import` reads them. Each
/// partition is a case as it was left, and one more with every cache removed: the answers must be
/// the same. Nothing may be written.
struct SegmentsRunner: GoldenRunner {
    func accepts(_ file: GoldenFile) -> Bool {
        file.stem == "expected"
            && FileManager.default.fileExists(atPath: Self.archive(of: file).path)
    }

    static func archive(of file: GoldenFile) -> URL {
        file.url.deletingLastPathComponent().appendingPathComponent("data.tar.gz")
    }

    func run(_ file: GoldenFile) throws -> GoldenReport {
        var report = GoldenReport()
        let expected = try file.json()
        let isCrash = expected["damage"] != nil
        guard case .object(let partitions) = try expected.member("partitions"),
            case .object(let dumps) = try expected.member("dump")
        else { throw GoldenError.unexpectedValue("no partitions or dumps") }
        for withoutCaches in [false, true] {
            let folder = try UnpackedFolder(Self.archive(of: file))
            if withoutCaches { try folder.removeCaches() }
            let before = try folder.contents()
            let directory = try KafkaDirectory.open(disk: PosixDisk(), path: folder.path)
            for (name, answers) in partitions.sorted(by: { $0.key < $1.key }) {
                let own = dumps.filter { $0.key.hasPrefix(name + "/") }
                let check = SegmentCheck(
                    directory: directory,
                    name: name,
                    answers: answers,
                    dumps: own,
                    isCrash: isCrash
                )
                let title = "\(name) \(withoutCaches ? "without caches" : "as left")"
                switch try check.outcome() {
                case .equal: report.note(title, nil)
                case .deviates(let words): report.noteDeviation(words)
                case .differs(let difference): report.note(title, difference)
                }
            }
            if try folder.contents() != before { report.note("the folder", "it was written to") }
        }
        return report
    }
}

/// An archive, unpacked for the time of its owner.
final class UnpackedFolder {
    let path: String

    /// What a log can make anew from its batches.
    private static let caches = [
        ".index", ".timeindex", ".txnindex", ".snapshot", "leader-epoch-checkpoint",
    ]

    init(_ archive: URL) throws {
        let manager = FileManager.default
        path = manager.temporaryDirectory.appendingPathComponent("golden-\(UUID().uuidString)").path
        try manager.createDirectory(atPath: path, withIntermediateDirectories: true)
        let tar = Process()
        tar.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        tar.arguments = ["tar", "-xzf", archive.path, "-C", path]
        try tar.run()
        tar.waitUntilExit()
        guard tar.terminationStatus == 0 else {
            throw GoldenError.unreadableFile("\(archive.path) does not unpack")
        }
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func removeCaches() throws {
        for name in try FileManager.default.subpathsOfDirectory(atPath: path)
        where Self.caches.contains(where: { name.hasSuffix($0) }) {
            try FileManager.default.removeItem(atPath: "\(path)/\(name)")
        }
    }

    /// Every file with its bytes.
    func contents() throws -> [String: Data] {
        var contents: [String: Data] = [:]
        for name in try FileManager.default.subpathsOfDirectory(atPath: path) {
            contents[name] = FileManager.default.contents(atPath: "\(path)/\(name)") ?? Data()
        }
        return contents
    }
}
