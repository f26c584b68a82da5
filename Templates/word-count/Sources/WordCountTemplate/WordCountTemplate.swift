import Millrace

enum Topics {
    static let lines = Topic("lines", value: .utf8)
    static let counts = Topic("word-count-template-counts", key: .utf8, value: .int64)
}

@main
struct WordCountTemplate: StreamJob {
    static let name = "word-count-template"

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
