/// The files of a new job, by their paths in its folder.
struct JobTemplate {
    let name: String
    /// The absolute path of the Millrace package.
    let home: String

    /// `OrderTotals` as `order-totals`: the job's name in topics and groups.
    var jobName: String {
        var words = ""
        for character in name {
            if character.isUppercase && !words.isEmpty { words += "-" }
            words += character.lowercased()
        }
        return words
    }

    var files: [String: String] {
        [
            "Package.swift": manifest, ".gitignore": ".build*/\nmillrace-data/\n",
            "README.md": readme, "Sources/\(name)/\(name).swift": source,
            "Tests/\(name)Tests/\(name)Tests.swift": tests,
        ]
    }

    private var manifest: String {
        """
        // swift-tools-version: 6.2
        import PackageDescription

        let package = Package(
            name: "\(name)",
            dependencies: [.package(name: "Millrace", path: "\(home)")],
            targets: [
                .executableTarget(
                    name: "\(name)",
                    dependencies: [.product(name: "Millrace", package: "Millrace")]
                ),
                .testTarget(
                    name: "\(name)Tests",
                    dependencies: [
                        "\(name)", .product(name: "MillraceTestKit", package: "Millrace"),
                    ]
                ),
            ]
        )

        """
    }

    private var readme: String {
        """
        # \(name)

        Counts the words of the topic `lines` into the topic `\(jobName)-counts`.

            millrace topic create lines --partitions 4
            millrace produce lines < text.txt
            millrace run . --until-caught-up
            millrace consume \(jobName)-counts --until-end --value int64 --format '%k %s\\n'
            swift test

        """
    }

    private var source: String {
        """
        import Millrace

        enum Topics {
            static let lines = Topic("lines", value: .utf8)
            static let counts = Topic("\(jobName)-counts", key: .utf8, value: .int64)
        }

        @main
        struct \(name): StreamJob {
            static let name = "\(jobName)"

            var topology: [Statement] {
                stream(Topics.lines)
                    .flatMapValues { line -> [String] in
                        line.lowercased().split { !$0.isLetter }.map(String.init)
                    }
                    .groupBy({ $0 }, via: "by-word", key: .utf8)
                    .count(store: "counts")
                    .to(Topics.counts)
            }
        }

        """
    }

    private var tests: String {
        """
        import Millrace
        import MillraceTestKit
        import Testing

        @testable import \(name)

        @Test func `each word is counted`() throws {
            let engine = try TestEngine(\(name)(), partitions: 2)
            try engine.send("To be, or not to be", to: Topics.lines)
            try engine.run()
            let counts = try engine.read(Topics.counts)
            #expect(counts.filter { $0.key == "be" }.map(\\.value) == [1, 2])
            #expect(counts.filter { $0.key == "not" }.map(\\.value) == [1])
        }

        @Test func `a crash counts nothing twice`() throws {
            let engine = try TestEngine(\(name)(), partitions: 2)
            try engine.send("rose", to: Topics.lines)
            try engine.run()
            try engine.send("rose", to: Topics.lines)
            try engine.process()
            try engine.crash()
            try engine.run()
            #expect(try engine.read(Topics.counts).map(\\.value) == [1, 2])
        }

        """
    }
}
