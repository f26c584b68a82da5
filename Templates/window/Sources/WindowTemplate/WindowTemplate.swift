import Millrace

/// A page was looked at.
struct PageView: Codable, Sendable {
    var page: String
    /// When, in milliseconds since 1970.
    var time: Int64
}

/// How often a page was looked at within a minute.
struct MinuteCount: Codable, Equatable, Sendable {
    /// Where the minute begins, in milliseconds since 1970.
    var minute: Int64
    var views: Int64
}

enum Topics {
    static let views = Topic("views", value: PageView.self)
    static let counts = Topic("window-template-counts", key: .utf8, value: MinuteCount.self)
}

@main
struct WindowTemplate: StreamJob {
    static let name = "window-template"

    var topology: [Statement] {
        stream(Topics.views, timestamp: { view -> Timestamp in Timestamp(view.time) })
            .groupBy(\.page, via: "by-page", key: .utf8)
            .windowed(by: .tumbling(.seconds(60), grace: .seconds(10)))
            .count(store: "views", emit: .onClose)
            .toStream()
            .flatMap(minuteCounts)
            .to(Topics.counts)
    }
}

/// The count of a window under the page alone, as a record that every tool reads.
@Sendable
func minuteCounts(of page: Windowed<String>, views: Int64?) -> [(String, MinuteCount)] {
    guard let views else { return [] }
    return [(page.key, MinuteCount(minute: page.window.start.rawValue, views: views))]
}
