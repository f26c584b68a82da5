import Foundation
import Millrace
import MillraceTestKit
import Testing

@testable import Sessions

/// The topic of departures, for a sender of lines.
private let lines = Topic("departures", value: .utf8)

private func line(_ hour: Int64, _ plane: String, delay: String = "10") -> String {
    "\(hour * 3600),\(plane),JFK,SFO,\(delay)"
}

@Test func `departures within six hours are one day, whatever their order`() throws {
    let engine = try TestEngine(Sessions(), partitions: 1)
    for hour: Int64 in [0, 12, 6, 19] { try engine.send(line(hour, "N1"), to: lines) }
    try engine.send(line(100, "N2"), to: lines)
    try engine.run()
    let days = try engine.read(Topics.days)
    #expect(days.map(\.key) == ["N1", "N1"])
    #expect(days.map(\.value.departures) == [3, 1])
    #expect(days.first?.value.delay == 30)
    #expect(days.first?.value.last == 43_200)
}

@Test func `what did not leave is no departure`() throws {
    let engine = try TestEngine(Sessions(), partitions: 1)
    try engine.send("time,tailnum,origin,dest,dep_delay", to: lines)
    try engine.send(line(0, "N1", delay: "NA"), to: lines)
    try engine.send(line(0, "NA"), to: lines)
    try engine.run()
    #expect(engine.skippedCount == 3)
}

@Test(arguments: [1, 2]) func `three real days equal a plain computation`(seed: UInt64) throws {
    let url = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Data/departures.csv")
    let text = try String(contentsOf: url, encoding: .utf8)
    let rows = text.split(separator: "\n").map(String.init)
    let engine = try TestEngine(Sessions(), partitions: 1, seed: seed)
    var found: [(key: String, value: PlaneDay)] = []
    for (index, row) in rows.enumerated() {
        try engine.send(row, to: lines)
        if index % 500 == 499 {
            try engine.process()
            try engine.crash()
        }
    }
    // Long after the last one, so that every day closes.
    try engine.send("1358000000,N0,JFK,SFO,0", to: lines)
    try engine.run()
    found += try engine.read(Topics.days)
    let order: (String, PlaneDay) -> String = { "\($0) \($1.first)" }
    let expected = plainDays(of: rows).sorted { order($0.key, $0.value) < order($1.key, $1.value) }
    found.sort { order($0.key, $0.value) < order($1.key, $1.value) }
    #expect(expected.count > 2000)
    // A flag each: the lists are too long to be printed.
    let hasEveryPlane = found.map(\.key) == expected.map(\.key)
    let hasEveryDay = found.map(\.value) == expected.map(\.value)
    #expect(hasEveryPlane)
    #expect(hasEveryDay)
    #expect(engine.droppedCount(.late) == 0)
}

/// The days of the planes without an engine: each plane's departures sorted, cut at the pauses.
private func plainDays(of rows: [String]) -> [(key: String, value: PlaneDay)] {
    var times: [String: [(Int64, Int64)]] = [:]
    for row in rows {
        let fields = row.split(separator: ",")
        guard fields[1] != "NA", let time = Int64(fields[0]), let delay = Int64(fields[4]) else {
            continue
        }
        times[String(fields[1]), default: []].append((time, delay))
    }
    var days: [(key: String, value: PlaneDay)] = []
    for (plane, departures) in times {
        var day: PlaneDay?
        for (time, delay) in departures.sorted(by: { $0.0 < $1.0 }) {
            if let open = day, time - open.last > 6 * 3600 {
                days.append((plane, open))
                day = nil
            }
            let begun = day ?? PlaneDay(first: time, last: time)
            day = PlaneDay(
                first: begun.first,
                last: time,
                departures: begun.departures + 1,
                delay: begun.delay + delay
            )
        }
        if let day { days.append((plane, day)) }
    }
    return days
}
