import Foundation

/// A text file of the repository.
struct SourceFile {
    /// From the repository's root, with slashes.
    var path: String
    var lines: [String]

    init(path: String, text: String) {
        self.path = path
        lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        if lines.last == "" { lines.removeLast() }
    }

    /// The folder below `Sources` or `Tests`.
    var target: String? {
        let parts = path.split(separator: "/")
        guard parts.count > 2, parts[0] == "Sources" || parts[0] == "Tests" else { return nil }
        return String(parts[1])
    }

    var isGenerated: Bool { path.contains("/Generated/") }
    var isTest: Bool { path.hasPrefix("Tests/") || path.contains("/Tests/") }
}

/// The repository that these tests belong to.
struct SourceTree {
    let root: URL

    init() {
        root = URL(filePath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
    }

    /// Files with one of these endings below the named folders, build products left out.
    func files(below folders: [String], endings: [String]) -> [SourceFile] {
        var found: [SourceFile] = []
        for folder in folders {
            let start = root.appending(path: folder)
            guard let walk = FileManager.default.enumerator(atPath: start.path) else { continue }
            for case let name as String in walk {
                if name.split(separator: "/").contains(where: { $0.hasPrefix(".build") }) {
                    continue
                }
                guard endings.contains(where: { name.hasSuffix($0) }) else { continue }
                if let file = file(folder == "." ? name : "\(folder)/\(name)") {
                    found.append(file)
                }
            }
        }
        return found.sorted { $0.path < $1.path }
    }

    /// One file by its path from the root.
    func file(_ path: String) -> SourceFile? {
        guard let text = try? String(contentsOf: root.appending(path: path), encoding: .utf8)
        else { return nil }
        return SourceFile(path: path, text: text)
    }

    func folders(in path: String) -> [String] {
        let url = root.appending(path: path)
        let names = (try? FileManager.default.contentsOfDirectory(atPath: url.path)) ?? []
        return names.filter { name in
            var isFolder: ObjCBool = false
            let exists = FileManager.default.fileExists(
                atPath: url.appending(path: name).path,
                isDirectory: &isFolder
            )
            return exists && isFolder.boolValue && !name.hasPrefix(".")
        }.sorted()
    }

    func exists(_ path: String) -> Bool {
        FileManager.default.fileExists(atPath: root.appending(path: path).path)
    }
}
