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
        ("Error", "a type of Swift's"), ("Codable", "a type of Swift's"),
        ("Optional", "a type of Swift's"), ("Duration", "a type of Swift's"),
        ("Bool", "a type of Swift's"),
    ])
    func `a name that is taken says by whom`(name: String, reason: String) {
        #expect(TakenNames.reason(name)?.contains(reason) == true)
    }

    @Test(arguments: ["Mine", "Orders", "WordCount", "Type", "Protocol", "Payments"])
    func `other names are free`(name: String) {
        #expect(TakenNames.reason(name) == nil)
        #expect(TakenNames.reason(name, home: Millrace.root.path) == nil)
    }

    @Test(arguments: ["Processor", "Serde", "Stream", "Topic", "Statement", "StreamJob", "Offset"])
    func `a public type of Millrace's hides nothing of its own`(name: String) {
        let reason = TakenNames.reason(name, home: Millrace.root.path)
        #expect(reason == "a type of Millrace's has it, which would be hidden")
    }

    @Test func `public types are those that are declared outside of others`() {
        let source = """
            public import Streams
            @frozen public struct Order: Sendable {
                public struct Line {}
            }
            public final class Cart<Item> {}
            struct Own {}
            public typealias Key = String
            public func enumerate() {}
            """
        #expect(TakenNames.publicTypes(in: source) == ["Order", "Cart", "Key"])
    }

    /// Whatever a template's sources spell with a capital letter is theirs, or taken, or a word
    /// that they are asked for themselves.
    @Test(arguments: JobTemplate.allCases)
    func `no template can be given the name of a type that it needs`(
        template: JobTemplate
    ) throws {
        let home = Millrace.root.path
        let sources = "\(home)/Templates/\(template.rawValue)/Sources"
        let paths = try FileManager.default.subpathsOfDirectory(atPath: sources)
        var spelled: Set<String> = []
        for path in paths where path.hasSuffix(".swift") {
            let text = try String(contentsOfFile: "\(sources)/\(path)", encoding: .utf8)
            spelled.formUnion(text.matches(of: /\b[A-Z][A-Za-z0-9]*/).map { String($0.0) })
        }
        #expect(spelled.count > 3)
        for name in spelled where !name.hasSuffix("Template") {
            let isTaken =
                try TakenNames.reason(name) != nil || TakenNames.reason(name, home: home) != nil
                || template.needs(name, home: home)
            #expect(isTaken, "\(name)")
        }
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
