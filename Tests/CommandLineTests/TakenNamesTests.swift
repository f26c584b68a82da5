import Foundation
import Testing

@testable import RunCommands

/// The names that no job can have.
@Suite struct TakenNamesTests {
    /// What is needed of `swift package dump-package`.
    private struct Manifest: Decodable {
        struct Target: Decodable {
            var name: String
            var type: String
            var path: String?
        }
        struct Product: Decodable {
            var name: String
        }
        var targets: [Target]
        var products: [Product]
    }

    private func json(of script: String) throws -> Data {
        let outcome = try Millrace.shell(script)
        try #require(outcome.status == 0, "\(outcome.errors)")
        return Data(outcome.output.utf8)
    }

    @Test func `the targets are those of the manifest, without jobs and tests`() throws {
        let folder = try TemporaryFolder()
        let manifest = try JSONDecoder().decode(
            Manifest.self,
            from: json(of: "swift package --scratch-path '\(folder.path("b"))' dump-package")
        )
        let own = manifest.targets.filter { target in
            target.type != "test"
                && !["Jobs/", "Templates/", "Tests/"].contains {
                    target.path?.hasPrefix($0) == true
                }
        }
        #expect(Set(own.map(\.name)) == TakenNames.targets)
        // A name begins with a capital letter.
        let products = manifest.products.map(\.name).filter { $0.first?.isUppercase == true }
        #expect(!products.isEmpty && TakenNames.targets.isSuperset(of: products))
    }

    @Test func `the modules that come with Swift are known`() throws {
        let information = try JSONSerialization.jsonObject(
            with: json(of: "swift -print-target-info")
        )
        let paths = (information as? [String: Any])?["paths"] as? [String: Any]
        let resources = try #require(paths?["runtimeResourcePath"] as? String)
        let names = try FileManager.default.contentsOfDirectory(atPath: "\(resources)/linux")
        let modules = names.filter { $0.hasSuffix(".swiftmodule") && !$0.hasPrefix("_") }
            .map { String($0.dropLast(".swiftmodule".count)) }
        #expect(modules.contains("Foundation"))
        for module in modules { #expect(TakenNames.reason(module) != nil, "\(module)") }
    }

    @Test(arguments: [
        ("Any", "a word of Swift's own"), ("Self", "a word of Swift's own"),
        ("Swift", "a word of Swift's own"), ("Dispatch", "a module of Swift's"),
        ("Streams", "a target of the Millrace package"),
        ("MillraceTestKit", "a target of the Millrace package"),
    ])
    func `a name that is taken says by whom`(name: String, reason: String) {
        #expect(TakenNames.reason(name)?.contains(reason) == true)
    }

    @Test(arguments: ["Mine", "Orders", "WordCount", "Type", "Protocol", "Stream"])
    func `other names are free`(name: String) {
        #expect(TakenNames.reason(name) == nil)
    }

    @Test(
        arguments: [
            (PackageSource.folder("/a/tree/"), ["tree"]),
            (.folder("/opt/Millrace"), ["millrace"]),
            (.repository(url: "https://example.org/a/Mill.git", .branch("b")), ["mill"]),
            (.repository(url: "git@example.org:mill", .version("1.0.0")), ["mill"]),
        ] as [(PackageSource, [String])]
    )
    func `a package is told from others by the last part of its place`(
        source: PackageSource,
        identities: [String]
    ) {
        #expect(source.identities == Set(identities))
    }
}
