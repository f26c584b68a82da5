import Foundation
import FoundationErrors
import Terminal

/// The folder of a job; a new one is made whole, or not at all.
struct JobFolder {
    let path: String

    /// Refuses a place where there is something, or where no folder can be.
    func requireFree() throws(CommandFailure) {
        let there = Self.firstThere(from: path)
        guard there.isFolder else {
            throw CommandFailure(
                "the job's folder cannot be made",
                place: there.path,
                reason: "it is a file",
                next: "give another --path"
            )
        }
        guard FileManager.default.fileExists(atPath: path) else { return }
        let names: [String]
        do { names = try FileManager.default.contentsOfDirectory(atPath: path) } catch {
            throw CommandFailure(
                "the folder cannot be looked into",
                place: path,
                reason: systemWords(of: error),
                next: "give another --path"
            )
        }
        guard names.isEmpty else {
            throw CommandFailure(
                "the folder is in use",
                place: path,
                reason: "it exists and is not empty",
                next: "give another --path"
            )
        }
    }

    /// Refuses a folder that the package manager would take for the one of Millrace.
    func requireDistinct(
        from source: PackageSource,
        next: String = "give a --path with another last part"
    ) throws(CommandFailure) {
        guard source.identities.contains(PackageSource.identity(ofFolder: path)) else { return }
        throw CommandFailure(
            "the job's folder has the name of the Millrace package",
            place: path,
            reason: "the package manager tells packages apart by the last parts of their paths, "
                + "and would take the job for Millrace",
            next: next
        )
    }

    /// Writes the files, by their paths in the folder.
    func write(_ files: [String: String]) throws(CommandFailure) {
        let made = Self.firstMissing(from: path)
        do { try Self.write(files, to: path) } catch {
            let words = systemWords(of: error)
            let left = Self.remove(made, orContentOf: path)
            throw CommandFailure(
                "the job's folder cannot be written",
                place: path,
                reason: words,
                next: "see to that, or give another --path"
                    + (left.map { "; what was written stays, and is in the way: \($0)" } ?? "")
            )
        }
    }

    private static func write(_ files: [String: String], to path: String) throws {
        for (file, text) in files.sorted(by: { $0.key < $1.key }) {
            let url = URL(filePath: path).appending(path: file)
            try FileManager.default.createDirectory(
                at: url.deletingLastPathComponent(),
                withIntermediateDirectories: true
            )
            try text.write(to: url, atomically: true, encoding: .utf8)
        }
    }

    /// Removes the folder that was made, or what an empty one has got; why not, where it stays.
    private static func remove(_ made: String?, orContentOf path: String) -> String? {
        let manager = FileManager.default
        do {
            guard let made else {
                for name in try manager.contentsOfDirectory(atPath: path) {
                    try manager.removeItem(atPath: "\(path)/\(name)")
                }
                return nil
            }
            if manager.fileExists(atPath: made) { try manager.removeItem(atPath: made) }
            return nil
        } catch { return systemWords(of: error) }
    }

    /// The path, or the nearest folder above it, that is there.
    private static func firstThere(from path: String) -> (path: String, isFolder: Bool) {
        var url = absolute(path)
        var isFolder: ObjCBool = false
        while url.path != "/",
            !FileManager.default.fileExists(atPath: url.path, isDirectory: &isFolder)
        {
            url.deleteLastPathComponent()
        }
        return (url.path, url.path == "/" || isFolder.boolValue)
    }

    /// The topmost folder that making the path makes; nil where the path is there.
    private static func firstMissing(from path: String) -> String? {
        var url = absolute(path)
        var missing: String?
        while url.path != "/", !FileManager.default.fileExists(atPath: url.path) {
            missing = url.path
            url.deleteLastPathComponent()
        }
        return missing
    }

    private static func absolute(_ path: String) -> URL {
        URL(filePath: path).absoluteURL.standardizedFileURL
    }
}
