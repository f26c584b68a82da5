import Foundation
import Testing

extension EndToEnd {
    /// docs/reference is what the commands say of themselves.
    @Suite(.serialized) struct ReferenceTests {
        private static func pages(in folder: URL) throws -> [String: String] {
            var pages: [String: String] = [:]
            for name in try FileManager.default.contentsOfDirectory(atPath: folder.path) {
                pages[name] = try String(contentsOf: folder.appending(path: name), encoding: .utf8)
            }
            return pages
        }

        @Test func `the pages of the reference are those that the program writes`() throws {
            let folder = try TemporaryFolder()
            try Millrace.succeed("reference", folder.path("pages"))
            let made = try Self.pages(in: folder.url.appending(path: "pages"))
            let kept = try Self.pages(in: Millrace.root.appending(path: "docs/reference"))
            #expect(made.keys.sorted() == kept.keys.sorted(), "scripts/reference writes them anew")
            for (name, text) in made.sorted(by: { $0.key < $1.key }) {
                #expect(text == kept[name], "\(name): scripts/reference writes it anew")
            }
            #expect(made.count > 15)
        }

        @Test func `help leaves out what writes them`() throws {
            #expect(!(try Millrace.succeed("help").output.contains("reference")))
        }
    }
}
