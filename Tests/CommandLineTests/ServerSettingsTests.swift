import Foundation
import Terminal
import Testing

@testable import JobRunner

/// The settings of `--config`, and what is said of them.
@Suite struct ServerSettingsTests {
    private func reason(_ name: String, _ value: String) -> String? {
        do throws(CommandFailure) {
            let pair = KeyValueArgument(argument: "\(name)=\(value)")
            _ = try ServerSettings(pair.map { [$0] } ?? [])
            return nil
        } catch { return error.reason }
    }

    /// The names in backquotes of the first column of the table of settings.
    private func namesOfPage() throws -> [String] {
        let page = try String(
            contentsOf: Millrace.root.appending(path: "docs/server.md"),
            encoding: .utf8
        )
        let sections = page.components(separatedBy: "\n## ")
        let section = try #require(sections.first { $0.hasPrefix("Settings\n") })
        let rows = section.split(separator: "\n").filter { $0.hasPrefix("| `") }
        return rows.flatMap { row in
            row.split(separator: "|")[0].split(separator: "`").map(String.init)
                .filter { $0.contains { $0.isLetter } }
        }
    }

    @Test func `the page has every setting, and no other`() throws {
        let names = try namesOfPage()
        #expect(Set(names).count == names.count, "one is told twice")
        #expect(names.sorted() == ServerSettings.names)
    }

    @Test(arguments: [
        ("num.partitions", "0", "it is a whole number from 1 to 10000"),
        ("num.partitions", "10001", "it is a whole number from 1 to 10000"),
        ("num.io.threads", "many", "it is a whole number from 1 to 256"),
        ("queued.max.request.bytes", "5", "it is a whole number from 1048576 to 1099511627776"),
        ("group.max.size", "0", "it is a whole number from 1 to 2147483647"),
        ("offsets.retention.minutes", "-1", "it is a whole number from 1 to 2147483647"),
        ("message.max.bytes", "9999999999", "it is a whole number from 61 to 268435456"),
        ("message.max.bytes", "60", "it is a whole number from 61 to 268435456"),
        ("log.segment.bytes", "1000", "it is a whole number from 1048576 to 2147483647"),
        ("log.retention.hours", "soon", "it is a whole number from -1 to 2562047788015"),
        ("log.retention.hours", "9999999999999", "it is a whole number from -1 to 2562047788015"),
        ("log.roll.hours", "0", "it is a whole number from 1 to 2562047788015"),
        ("log.retention.bytes", "-2", "it is a whole number from -1 to 9223372036854775807"),
        ("auto.create.topics.enable", "yes", "it is true or false"),
    ])
    func `a value that is none is told what the values are`(
        name: String,
        value: String,
        told: String
    ) {
        #expect(reason(name, value) == told)
    }

    /// What a message names as its ends can be given.
    @Test func `the ends of what a number may be are taken`() throws {
        for name in ServerSettings.names {
            let told = reason(name, "no number") ?? ""
            let words = told.split(separator: " ").map(String.init)
            guard told.hasPrefix("it is a whole number from "), words.count == 8 else { continue }
            for end in [words[5], words[7]] {
                let reason = reason(name, end)
                #expect(reason == nil || reason?.hasPrefix("it is") == false, "\(name)=\(end)")
            }
        }
    }
}
