import Millrace
import MillraceTestKit
import Testing

@testable import WordCount

@Test func `words are runs of letters and apostrophes, in small letters`() {
    #expect(words(of: "Don't stop, 2 BE; or") == ["don't", "stop", "be", "or"])
    #expect(words(of: " ,.").isEmpty)
}

@Test func `every word's counts are 1 to n`() throws {
    let engine = try TestEngine(WordCount(), partitions: 2)
    try engine.send("a rose is a rose", to: Topics.lines)
    try engine.run()
    try engine.crash()
    try engine.send("A rose", to: Topics.lines)
    try engine.run()
    let counts = try engine.read(Topics.counts)
    #expect(counts.filter { $0.key == "rose" }.map(\.value) == [1, 2, 3])
    #expect(counts.filter { $0.key == "a" }.map(\.value) == [1, 2, 3])
}
