import Foundation
import Testing

extension EndToEnd {
    /// A job that takes Millrace from a Git repository. The one here has a package that is called
    /// so and builds in seconds.
    @Suite(.serialized) struct RepositoryJobTests {
        private let folder: TemporaryFolder

        init() throws {
            folder = try TemporaryFolder()
            _ = try folder.write(
                "stream-engine/Package.swift",
                """
                // swift-tools-version: 6.2
                import PackageDescription

                let package = Package(
                    name: "Millrace",
                    products: [
                        .library(name: "Millrace", targets: ["Millrace"]),
                        .library(name: "MillraceTestKit", targets: ["Millrace"]),
                    ],
                    targets: [.target(name: "Millrace")]
                )
                """
            )
            _ = try folder.write(
                "stream-engine/Sources/Millrace/Origin.swift",
                "public let origin = \"the repository\"\n"
            )
            let made = try Millrace.shell(
                """
                set -e
                cd '\(folder.path("stream-engine"))'
                git init --quiet --initial-branch trunk
                git add .
                git -c user.name=tests -c user.email=tests@example.org commit --quiet -m all
                git tag 0.1.0
                """
            )
            #expect(made.status == 0, "\(made.errors)")
        }

        @Test(arguments: [[], ["--branch", "trunk"]])
        func `it builds with what is there, in its own folder`(options: [String]) throws {
            let (path, url) = (folder.path("Mine"), "file://\(folder.path("stream-engine"))")
            let words = ["new", "Mine", "--path", path, "--url", url] + options
            let new = try Millrace.tool(Millrace.executable, words, input: nil)
            #expect(new.status == 0, "\(new.errors)")
            // The job itself needs more than the small package has.
            _ = try folder.write(
                "Mine/Sources/Mine/Mine.swift",
                """
                import Millrace

                @main
                struct Mine {
                    static func main() { print("described by \\(origin)") }
                }
                """
            )
            let described = try Millrace.run("describe", path)
            #expect(described.status == 0, "\(described.errors)")
            #expect(described.output == "described by the repository\n")
            #expect(FileManager.default.fileExists(atPath: "\(path)/.build/checkouts"))
        }

        @Test func `a branch alone says nothing`() throws {
            let outcome = try Millrace.run("new", "Mine", "--branch", "trunk")
            #expect(outcome.status == 64)
            #expect(outcome.errors.hasPrefix("error: --branch is for --url\n"))
        }
    }
}
