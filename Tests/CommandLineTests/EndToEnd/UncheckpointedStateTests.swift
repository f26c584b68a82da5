import Bytes
import Foundation
import LogModel
import Testing

@testable import DirectoryCommands

extension EndToEnd {
    /// The stores of a job that was killed before its first checkpoint: all is in their changelogs.
    @Suite(.serialized) struct UncheckpointedStateTests: DirectorySuite {
        private static let lineCount = 2000

        let folder: TemporaryFolder

        init() throws { folder = try TemporaryFolder() }

        private func job() throws -> URL {
            let job = folder.url.appending(path: "WordCount")
            try FileManager.default.createSymbolicLink(
                at: job,
                withDestinationURL: Millrace.executable.deletingLastPathComponent()
                    .appending(path: "JobsUnderTest")
            )
            return job
        }

        /// Runs the job until all its results are committed, and kills it.
        private func killRun(_ job: URL) throws {
            let process = try Millrace.start(
                job,
                ["run", "--data", data],
                input: nil,
                output: folder.url.appending(path: "output"),
                errors: folder.url.appending(path: "errors")
            )
            let deadline = Date(timeIntervalSinceNow: 60)
            // Who asks sooner would be the owner.
            while !isOwner(process.processIdentifier), process.isRunning, Date() < deadline {
                usleep(1000)
            }
            let consume = ["consume", "word-counts", "--until-end", "--value", "int64"]
            var count = 0
            while count < Self.lineCount, process.isRunning, Date() < deadline {
                count = try run(consume).lines.count
            }
            #expect(count == Self.lineCount && process.isRunning)
            kill(process.processIdentifier, SIGKILL)
            process.waitUntilExit()
        }

        @Test func `a store without a checkpoint is not taken for an empty one`() throws {
            let job = try job()
            try succeed("topic", "create", "lines")
            try succeed("topic", "create", "word-counts")
            let lines = String(repeating: "the\n", count: Self.lineCount)
            try succeed("produce", "lines", input: lines)
            try killRun(job)

            let list = try succeed("state", "list", "--json").output
            #expect(list.contains(#""position":null,"#))
            let behind = try #require(list.firstMatch(of: /"behind":([0-9]+),/))
            #expect(try #require(Int(behind.1)) > 0)
            let note = "no checkpoint yet: made of its changelog at the next start"
            #expect(list.contains(#""note":"\#(note)""#), "\(list)")

            let get = try run(["state", "get", "counts", "the"])
            #expect(get.status == 1)
            #expect(!get.errors.contains("has no key"), "\(get.errors)")
            #expect(get.errors.contains("the key 'the' is not known here"), "\(get.errors)")
            #expect(get.errors.contains("why: partition 0: \(note)\n"), "\(get.errors)")
            #expect(get.errors.contains("next: millrace consume word-count-counts-changelog"))
            let scan = try succeed("state", "scan", "counts")
            #expect(scan.output.isEmpty)
            #expect(scan.errors == "note: the store 'counts', partition 0: \(note)\n")

            let outcome = try Millrace.tool(
                job,
                ["run", "--data", data, "--until-caught-up"],
                input: nil
            )
            #expect(outcome.status == 0, "\(outcome.errors)")
            let found = try succeed("state", "get", "counts", "the")
            #expect(found.lines == ["\(Self.lineCount)"] && found.errors.isEmpty)
        }
    }
}

/// What a store's position says beside its changelog.
@Suite struct StoreStandingTests {
    private let topic = UniqueID(high: 1, low: 2)

    private func standing(_ position: Int64?, end: Int64?) -> StoreStanding {
        StoreStanding(
            position: position.map { Offset($0) },
            followed: position == nil ? nil : topic,
            changelog: topic,
            end: end.map { Offset($0) }
        )
    }

    @Test func `without a checkpoint the whole changelog is before it`() {
        let killed = standing(nil, end: 812)
        #expect(killed.behind == 812)
        #expect(killed.note?.contains("no checkpoint yet") == true && killed.lack == killed.note)
        let unknown = standing(nil, end: nil)
        #expect(unknown.behind == nil && unknown.lack != nil)
    }

    @Test func `a store that nothing was written to lacks nothing`() {
        let fresh = standing(nil, end: 0)
        #expect(fresh.behind == 0 && fresh.note == nil && fresh.lack == nil)
    }

    @Test(arguments: [(0, false), (1, false), (2, true), (500, true)] as [(Int64, Bool)])
    func `more than the end of a transaction behind it is a lack`(behind: Int64, lacks: Bool) {
        let standing = standing(10, end: 10 + behind)
        #expect(standing.behind == behind && standing.note == nil)
        #expect((standing.lack != nil) == lacks)
    }

    @Test func `a changelog that is another one, or lost records, means a new store`() {
        #expect(standing(10, end: 9).note?.contains("lost records") == true)
        #expect(standing(10, end: 9).behind == nil)
        let other = StoreStanding(
            position: Offset(3),
            followed: topic,
            changelog: UniqueID(high: 1, low: 3),
            end: Offset(3)
        )
        #expect(other.lack?.contains("made anew") == true && other.behind == nil)
        let gone = StoreStanding(position: nil, followed: nil, changelog: nil, end: nil)
        #expect(gone.lack?.contains("its changelog is gone") == true)
    }

    @Test func `partitions are told together where the reason is the same`() {
        var lacks = StoreLacks()
        for number in Int32(0)..<11 { lacks.add("late", partition: number) }
        lacks.add("gone", partition: 11)
        #expect(
            lacks.reasons == [
                "partitions 0, 1, 2, 3, 4, 5, 6, 7 and 3 more: late", "partition 11: gone",
            ]
        )
    }
}

/// The words for keys whose bytes are not what their form says.
@Suite struct KeyChoiceTests {
    private func readings(_ word: String, _ form: SerdeForm, have key: [UInt8]) throws -> Int? {
        try KeyChoice.one(word, form).firstIndex { $0.contains(key) }
    }

    @Test func `a text key that is no text is named by its bytes, behind its very text`() throws {
        #expect(try readings("0xff01", .utf8, have: [0xFF, 1]) == 1)
        #expect(try readings("0xff01", .utf8, have: Array("0xff01".utf8)) == 0)
        // It would be shown as text.
        #expect(try readings("0x6162", .utf8, have: Array("ab".utf8)) == nil)
        #expect(try KeyChoice.one("rose", .utf8).count == 1)
    }

    @Test(arguments: [SerdeForm.int64, .double])
    func `a key that is no number is named by its bytes`(form: SerdeForm) throws {
        #expect(try readings("0xff01", form, have: [0xFF, 1]) == 0)
        #expect(try readings("0x", form, have: []) == 0)
    }

    @Test(arguments: [(true, 0), (false, 1)])
    func `a prefix is a text's where a key begins so`(isText: Bool, reading: Int) throws {
        let choice = try KeyChoice.range(from: nil, to: nil, prefix: "0xff", .utf8) { _ in isText }
        let keys: [[UInt8]] = [Array("0xff-a".utf8), [0xFF, 7]]
        #expect(keys.firstIndex(where: choice.contains) == reading)
    }
}
