import Foundation

/// Runs every file of a folder of golden vectors and prints one line for each.
///
///     millrace-golden [FOLDER] [PART-OF-A-PATH…]
///
/// The folder is the argument, or `$MILLRACE_GOLDEN`, or `../shared/golden` beside the package.
/// Further arguments keep only the files whose path contains one of them. Exits 1 if anything
/// differs, 2 if a file cannot be used.
@main
struct GoldenTool {
    private static let defaultFolder = "../shared/golden"
    /// Differences printed for each file; the rest are counted.
    private static let differenceLimit = 20
    private static let ignored = [".py", ".tsv", ".md"]
    /// The input of the case beside them.
    private static let inputs = ["data.tar.gz", "config.json"]

    static func main() {
        let arguments = CommandLine.arguments.dropFirst()
        let environment = ProcessInfo.processInfo.environment["MILLRACE_GOLDEN"]
        let folder = URL(
            fileURLWithPath: arguments.first ?? environment ?? defaultFolder,
            isDirectory: true
        )
        guard let files = try? findFiles(in: folder, keeping: Array(arguments.dropFirst())),
            !files.isEmpty
        else {
            writeLine(
                "\(folder.path): no golden files. "
                    + "Usage: millrace-golden [FOLDER] [PART-OF-A-PATH…]"
            )
            exit(2)
        }
        var worst: Int32 = 0
        for file in files { worst = max(worst, run(file)) }
        exit(worst)
    }

    private static func run(_ file: GoldenFile) -> Int32 {
        defer { file.unload() }
        guard let runner = goldenRunners.first(where: { $0.accepts(file) }) else {
            writeLine("\(file.path): not yet")
            return 0
        }
        do {
            let report = try runner.run(file)
            writeLine("\(file.path): \(report.summary)")
            for (words, count) in report.deviations.sorted(by: { $0.key < $1.key }) {
                writeLine("    differs as stated, \(count): \(words)")
            }
            for line in report.differences.prefix(differenceLimit) { writeLine("    \(line)") }
            let rest = report.differences.count - differenceLimit
            if rest > 0 { writeLine("    and \(rest) more") }
            return report.differences.isEmpty ? 0 : 1
        } catch {
            writeLine("\(file.path): cannot be used: \(error)")
            return 2
        }
    }

    private static func findFiles(
        in folder: URL,
        keeping parts: [String]
    ) throws -> [GoldenFile] {
        let paths = try FileManager.default.subpathsOfDirectory(atPath: folder.path).sorted()
        return paths.compactMap { path in
            let url = folder.appendingPathComponent(path)
            guard !url.hasDirectoryPath, !isDirectory(url) else { return nil }
            guard !ignored.contains(where: { path.hasSuffix($0) }) else { return nil }
            guard !inputs.contains(url.lastPathComponent) else { return nil }
            guard parts.isEmpty || parts.contains(where: { path.contains($0) }) else { return nil }
            return GoldenFile(path: path, url: url)
        }
    }

    private static func isDirectory(_ url: URL) -> Bool {
        (try? url.resourceValues(forKeys: [.isDirectoryKey]))?.isDirectory ?? false
    }

    private static func writeLine(_ line: String) {
        FileHandle.standardOutput.write(Data((line + "\n").utf8))
    }
}
