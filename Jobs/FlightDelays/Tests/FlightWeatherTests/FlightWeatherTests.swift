import Foundation
import Millrace
import MillraceTestKit
import Testing

@testable import FlightWeather

/// Three real days, against a plain computation over the same files.
@Suite struct FlightWeatherTests {
    private static func lines(_ name: String) throws -> [String] {
        let url = URL(filePath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "Data/Weather/\(name).csv")
        return try String(contentsOf: url, encoding: .utf8).split(separator: "\n").map(String.init)
    }

    /// The two fields of a line of a table.
    private static func row(_ line: String) -> (key: String, value: String) {
        let parts = line.split(separator: ",", maxSplits: 1)
        return (String(parts[0]), String(parts[1]))
    }

    private static func table(_ name: String) throws -> [String: String] {
        Dictionary(uniqueKeysWithValues: try lines(name).map { row($0) })
    }

    /// The job over everything, with a crash in between.
    private func finished() throws -> TestEngine<FlightWeather> {
        let engine = try TestEngine(FlightWeather(), partitions: 1)
        let flights = Topic("ny-flights", value: .utf8)
        let weather = Topic("ny-weather", value: .utf8)
        for (name, topic) in [("planes", Topics.planes), ("airlines", Topics.airlines)] {
            for (key, value) in try Self.table(name) {
                try engine.send(value, key: key, to: topic)
            }
        }
        for line in try Self.lines("weather") { try engine.send(line, to: weather) }
        try engine.run()
        for (index, line) in try Self.lines("flights").enumerated() {
            try engine.send(line, to: flights)
            if index % 1000 == 999 {
                try engine.process()
                try engine.crash()
            }
        }
        try engine.run()
        return engine
    }

    /// The flights of the file that left, by what `name` counts them under.
    private func plain(_ name: (Flight) -> String?) throws -> [String: Departures] {
        var sums: [String: Departures] = [:]
        for line in try Self.lines("flights") {
            let flight = line.utf8.withContiguousStorageIfAvailable {
                try? FlightSerde().decode(UnsafeRawBufferPointer($0))
            }
            guard let flight = flight ?? nil, let key = name(flight) else { continue }
            sums[key, default: Departures()].add(flight.delay)
        }
        return sums
    }

    @Test func `delays by wind, maker, airline and day are those of the files`() throws {
        let engine = try finished()
        var winds: [String: String] = [:]
        for line in try Self.lines("weather") {
            let fields = line.split(separator: ",")
            guard let time = Int64(fields[0]), let wind = Int64(fields[2]) else { continue }
            let weather = Weather(time: time, origin: String(fields[1]), wind: wind)
            winds[weather.place] = weather.word
        }
        var found: [String: Departures] = [:]
        for (key, value) in try engine.read(Topics.byWind) { found[key] = value }
        #expect(found == (try plain { winds[$0.place] }))
        // As computed by another tool.
        #expect(found["calm"] == Departures(flights: 333, minutes: 3429))
        #expect(found["breeze"] == Departures(flights: 2253, minutes: 28_522))
        #expect(found["wind"] == Departures(flights: 52, minutes: 368))

        let makers = try Self.table("planes")
        found = [:]
        for (key, value) in try engine.read(Topics.byMaker) { found[key] = value }
        #expect(found == (try plain { makers[$0.plane] }))
        #expect(found["BOEING"] == Departures(flights: 690, minutes: 4618))

        let names = try Self.table("airlines")
        found = [:]
        for (airline, day) in try engine.read(Topics.days) where day.day == 1_356_998_400 {
            #expect(found[airline] == nil)
            found[airline] = Departures(flights: day.flights, minutes: day.minutes)
        }
        let first = try plain { $0.time < 1_357_084_800 ? names[$0.carrier] : nil }
        #expect(first["Delta Air Lines Inc."] == Departures(flights: 100, minutes: -35))
        #expect(found == first)
        #expect(engine.droppedCount(.late) == 0)
    }
}
