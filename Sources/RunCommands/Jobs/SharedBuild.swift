import Foundation
import FoundationErrors
import Security
import Terminal

/// What the shared build folder of the jobs was made from.
///
/// An incremental build after a change of Millrace's own sources was seen to keep an old copy of
/// an inlined function beside the new one: two hashes of one key in one process, hence counts that
/// began anew. So results of other sources are never built upon.
struct SharedBuild {
    let home: MillraceHome

    private var notePath: String { "\(home.buildPath)/millrace-sources" }

    /// Removes the release build if it was made from other sources than those there now.
    func forgetOtherSources() throws(CommandFailure) {
        let now = fingerprint()
        let known = try? String(contentsOfFile: notePath, encoding: .utf8)
        guard known != now else { return }
        let manager = FileManager.default
        do {
            let release = "\(home.buildPath)/release"
            let target = URL(filePath: release).resolvingSymlinksInPath().path
            for path in [target, release, "\(release).yaml"]
            where (try? manager.attributesOfItem(atPath: path)) != nil {
                try manager.removeItem(atPath: path)
            }
            try manager.createDirectory(atPath: home.buildPath, withIntermediateDirectories: true)
            try now.write(toFile: notePath, atomically: true, encoding: .utf8)
        } catch {
            throw CommandFailure(
                "the build folder of the jobs cannot be made anew",
                place: home.buildPath,
                reason: systemWords(of: error),
                next: "remove it, then run the command again"
            )
        }
    }

    /// Checksum and path of every source of Millrace, as `sha256sum` prints them: scripts/build
    /// writes the same where it built the program in that folder.
    func fingerprint() -> String {
        let sources = "\(home.path)/Sources"
        let names = (try? FileManager.default.subpathsOfDirectory(atPath: sources)) ?? []
        let paths = ["\(home.path)/Package.swift"] + names.sorted().map { "\(sources)/\($0)" }
        var lines = ""
        for path in paths {
            guard let content = FileManager.default.contents(atPath: path) else { continue }
            let digest = Cryptography.sha256([UInt8](content)).map { byte in
                (byte < 16 ? "0" : "") + String(byte, radix: 16)
            }
            lines += "\(digest.joined())  \(path)\n"
        }
        return lines
    }
}
