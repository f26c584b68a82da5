import Millrace
import MillraceTestKit
import Testing

@testable import WindowTemplate

private func view(_ page: String, second: Int64) -> PageView {
    PageView(page: page, time: second * 1000)
}

@Test func `a minute is counted once it takes no more views`() throws {
    let engine = try TestEngine(WindowTemplate(), partitions: 1)
    for second: Int64 in [0, 59, 60] {
        try engine.send(view("/", second: second), to: Topics.views)
    }
    try engine.run()
    #expect(try engine.read(Topics.counts).isEmpty)

    try engine.send(view("/", second: 70), to: Topics.views)
    try engine.run()
    let counts = try engine.read(Topics.counts)
    #expect(counts.map(\.key) == ["/"])
    #expect(counts.map(\.value) == [MinuteCount(minute: 0, views: 2)])
}

@Test func `a view that comes within the grace counts, a later one is dropped`() throws {
    let engine = try TestEngine(WindowTemplate(), partitions: 1)
    for second: Int64 in [10, 69, 20, 70, 30, 130] {
        try engine.send(view("/", second: second), to: Topics.views)
    }
    try engine.run()
    #expect(
        try engine.read(Topics.counts).map(\.value) == [
            MinuteCount(minute: 0, views: 2), MinuteCount(minute: 60_000, views: 2),
        ]
    )
    #expect(engine.droppedCount(.late) == 1)
}

@Test func `a crash neither repeats nor loses a result`() throws {
    let engine = try TestEngine(WindowTemplate(), partitions: 1)
    try engine.send(view("/", second: 0), to: Topics.views)
    try engine.run()
    try engine.send(view("/", second: 70), to: Topics.views)
    try engine.process()
    try engine.crash()
    try engine.run()
    #expect(try engine.read(Topics.counts).map(\.value) == [MinuteCount(minute: 0, views: 1)])
}
