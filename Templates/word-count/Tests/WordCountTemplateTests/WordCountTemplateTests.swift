import Millrace
import MillraceTestKit
import Testing

@testable import WordCountTemplate

@Test func `each word is counted`() throws {
    let engine = try TestEngine(WordCountTemplate(), partitions: 2)
    try engine.send("To be, or not to be", to: Topics.lines)
    try engine.run()
    let counts = try engine.read(Topics.counts)
    #expect(counts.filter { $0.key == "be" }.map(\.value) == [1, 2])
    #expect(counts.filter { $0.key == "not" }.map(\.value) == [1])
}

@Test func `a crash counts nothing twice`() throws {
    let engine = try TestEngine(WordCountTemplate(), partitions: 2)
    try engine.send("rose", to: Topics.lines)
    try engine.run()
    try engine.send("rose", to: Topics.lines)
    try engine.process()
    try engine.crash()
    try engine.run()
    #expect(try engine.read(Topics.counts).map(\.value) == [1, 2])
}
