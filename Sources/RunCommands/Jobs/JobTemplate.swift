import Foundation

/// What a new job does to begin with: the folder of `Templates` that it is made from.
///
/// A template is a job's package like any other, so that the suite compiles it and runs its tests.
/// It is called by its word: `word-count` has the job `word-count-template` in Swift's
/// `WordCountTemplate`. Those two names stand for the new job's wherever they occur.
enum JobTemplate: String, CaseIterable, Sendable {
    case wordCount = "word-count"
    case window
    case join
    case dedup
    case dlq
    case saga

    /// What the new job does, for the help.
    var summary: String {
        switch self {
        case .wordCount: "counts words"
        case .window: "counts by minute, in the time of the records"
        case .join: "joins a stream with a table"
        case .dedup: "takes each record once, however often it is sent"
        case .dlq: "tries again what fails, then sends it to the dead letters"
        case .saga: "leads orders through their steps, with a timer for those that stop"
        }
    }

    /// `word-count` as `WordCountTemplate`.
    private var typeName: String {
        rawValue.split(separator: "-").map(\.capitalized).joined() + "Template"
    }

    /// The files of a new job, by their paths in its folder.
    ///
    /// - Parameters:
    ///   - name: the job's name in Swift.
    ///   - home: the absolute path of the Millrace package.
    ///   - source: where the job takes it from.
    func files(
        of name: String,
        home: String,
        source: PackageSource
    ) throws -> [String: String] {
        let folder = "\(home)/Templates/\(rawValue)"
        var files: [String: String] = [:]
        for path in try FileManager.default.subpathsOfDirectory(atPath: folder) {
            // What running the template itself has left is no part of it.
            let top = path.prefix { $0 != "/" }
            if top.hasPrefix(".build") || top == "millrace-data" { continue }
            let attributes = try FileManager.default.attributesOfItem(atPath: "\(folder)/\(path)")
            guard attributes[.type] as? FileAttributeType == .typeRegular else { continue }
            let text = try String(contentsOfFile: "\(folder)/\(path)", encoding: .utf8)
            files[renamed(path, to: name)] = renamed(text, to: name)
                .replacing(Self.packageLine, with: source.lines)
                .replacing(Self.packageWord, with: "package: \(literal(source.productPackage))")
        }
        return files
    }

    /// How it names the package of a product.
    private static let packageWord = "package: \"Millrace\""

    /// How a template's manifest names the Millrace package.
    private static let packageLine = """
            dependencies: [.package(name: "Millrace", path: "../..")],

        """

    /// Whether a job of this name would not compile, or not be itself: the template's sources use
    /// the word, for a type of theirs or a module.
    func needs(_ name: String, home: String) throws -> Bool {
        guard name != typeName else { return false }
        let all = try files(of: typeName, home: home, source: .folder(home))
        let sources = all.filter { $0.key.hasSuffix(".swift") }
        let words = sources.values.joined(separator: "\n").split { character in
            !(character.isLetter || character.isNumber || character == "_")
        }
        return words.contains { $0 == name }
    }

    private func renamed(_ text: String, to name: String) -> String {
        text.replacing(typeName, with: name)
            .replacing("\(rawValue)-template", with: Self.jobName(of: name))
    }

    /// `OrderTotals` as `order-totals`: the job's name in topics and groups.
    static func jobName(of name: String) -> String {
        var words = ""
        for character in name {
            if character.isUppercase && !words.isEmpty { words += "-" }
            words += character.lowercased()
        }
        return words
    }
}
