import Foundation
import Testing

/// Jobs are checked fast: no expression of a job or template takes the compiler long.
@Suite struct TypeCheckTests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    /// The folder that this test bundle was built in, with the modules beside it.
    private static let products = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
        .deletingLastPathComponent()

    /// What an expression may take, of the processor's time: 500 ms in a debug build of a compiler
    /// that runs beside others. Good ones take a tenth of it.
    private static let limitMilliseconds = 500

    private static func contents(of folder: URL) throws -> [URL] {
        try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
    }

    /// The folders whose files are one module each: every job, every template.
    static let modules: [String] = {
        var folders: [String] = []
        for group in ["Jobs", "Templates"] {
            let names = (try? contents(of: root.appending(path: group))) ?? []
            for job in names.map(\.lastPathComponent) {
                let sources = "\(group)/\(job)/Sources"
                let targets = (try? contents(of: root.appending(path: sources))) ?? []
                folders += targets.map { "\(sources)/\($0.lastPathComponent)" }
            }
        }
        return folders.sorted()
    }()

    /// What the compiler says of files that it only checks.
    private static func check(_ files: [String]) throws -> (status: Int32, output: String) {
        let folder = FileManager.default.temporaryDirectory
            .appending(path: "millrace-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        var words = [
            "swiftc", "-typecheck", "-swift-version", "6", "-parse-as-library",
            "-module-name", "Checked", "-module-cache-path",
            products.appending(path: "ModuleCache").path,
            "-I", products.appending(path: "Modules").path,
            "-Xfrontend", "-warn-long-expression-type-checking=\(limitMilliseconds)",
        ]
        let maps =
            try contents(of: root.appending(path: "Sources")) + contents(of: products)
        for map in maps.map({ $0.appending(path: "module.modulemap").path })
        where FileManager.default.fileExists(atPath: map) {
            words += ["-Xcc", "-fmodule-map-file=\(map)"]
        }
        let output = folder.appending(path: "output")
        try Data().write(to: output)
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = words + files
        process.standardOutput = FileHandle.nullDevice
        process.standardError = try FileHandle(forWritingTo: output)
        try process.run()
        process.waitUntilExit()
        return (process.terminationStatus, try String(contentsOf: output, encoding: .utf8))
    }

    @Test func `every job and template is looked at`() {
        #expect(Self.modules.count > 10)
    }

    @Test(arguments: modules)
    func `no expression of a job takes long to check`(folder: String) throws {
        let files = try Self.contents(of: Self.root.appending(path: folder)).map(\.path)
            .filter { $0.hasSuffix(".swift") }
        let result = try Self.check(files)
        #expect(result.status == 0, "\(result.output)")
        #expect(!result.output.contains("to type-check"), "\(result.output)")
    }

    @Test(arguments: [
        "mapValues { (value: Int64) -> Int64 in value * 2 + 1 }",
        "mapValues(to: Int64.self) { value in value * 2 + 1 }",
        "filter { (value: Int64) -> Bool in value % 7 > 3 }",
        "flatMapValues { (value: Int64) -> [Int64] in [value, value + 1] }",
    ])
    func `a chain of twenty operators is checked at once`(call: String) throws {
        let folder = FileManager.default.temporaryDirectory
            .appending(path: "millrace-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appending(path: "Chain.swift")
        let chain = Array(repeating: "            .\(call)\n", count: 20).joined()
        try Data(
            """
            import Millrace

            struct Chain: StreamJob {
                static let name = "chain"
                static let numbers = Topic("numbers", key: .utf8, value: .int64)
                static let results = Topic("results", key: .utf8, value: .int64)
                var topology: [Statement] {
                    stream(Self.numbers)
            \(chain)            .to(Self.results)
                }
            }
            """.utf8
        ).write(to: file)
        let result = try Self.check([file.path])
        #expect(result.status == 0, "\(result.output)")
        #expect(!result.output.contains("to type-check"), "\(result.output)")
    }
}
