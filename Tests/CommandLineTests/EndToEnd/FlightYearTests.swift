import Foundation
import Testing

extension EndToEnd {
    /// FlightWeather over every flight of 2013, against what SQLite makes of the same files.
    @Suite(.serialized) struct FlightYearTests {
        private static var source: URL { Millrace.shared.appending(path: "data") }

        /// Makes the job's inputs of the files, and its results.
        private static let script = """
            import csv, gzip, json, sqlite3, sys
            from datetime import datetime

            source, target = sys.argv[1:]

            def rows(name):
                opened = gzip.open if name.endswith('.gz') else open
                with opened(f'{source}/{name}', 'rt') as file:
                    yield from csv.DictReader(file)

            def seconds(row):
                time = datetime.fromisoformat(row['time_hour'].replace('Z', '+00:00'))
                return int(time.timestamp())

            def write(name, lines):
                with open(f'{target}/{name}', 'w') as file:
                    for line in lines: file.write(','.join(map(str, line)) + '\\n')

            def number(text, convert=int):
                return None if text == 'NA' else convert(text)

            fields = ['tailnum', 'origin', 'carrier', 'dep_delay']
            flights = [[seconds(row)] + [row[name] for name in fields]
                for row in rows('flights.csv.gz')]
            flights.sort(key=lambda row: row[0])
            winds = [[seconds(row), row['origin'], row['wind_speed']]
                for row in rows('weather.csv.gz')]
            winds = [[time, origin, wind if wind == 'NA' else round(float(wind))]
                for time, origin, wind in winds]
            planes = [[row['tailnum'], row['manufacturer']] for row in rows('planes.csv.gz')]
            airlines = [[row['carrier'], row['name']] for row in rows('airlines.csv')]
            write('flights', flights)
            write('weather', winds)
            write('planes', planes)
            write('airlines', airlines)

            base = sqlite3.connect(':memory:')
            base.execute('CREATE TABLE flight (time, plane, origin, carrier, delay)')
            base.executemany('INSERT INTO flight VALUES (?, ?, ?, ?, ?)',
                [row[:4] + [number(row[4])] for row in flights])
            base.execute('DELETE FROM flight WHERE delay IS NULL')
            base.execute('CREATE TABLE weather (time, origin, wind)')
            base.executemany('INSERT INTO weather VALUES (?, ?, ?)',
                [row[:2] + [number(str(row[2]))] for row in winds])
            base.execute('CREATE INDEX place ON weather (origin, time)')
            base.execute('CREATE TABLE plane (plane PRIMARY KEY, maker)')
            base.executemany('INSERT INTO plane VALUES (?, ?)', planes)
            base.execute('CREATE TABLE airline (carrier PRIMARY KEY, name)')
            base.executemany('INSERT INTO airline VALUES (?, ?)', airlines)

            word = "CASE WHEN wind < 8 THEN 'calm' WHEN wind < 19 THEN 'breeze' ELSE 'wind' END"
            for key, count, minutes in base.execute(f'''
                SELECT {word} AS word, count(*), sum(delay) FROM flight
                JOIN weather USING (origin, time) WHERE wind IS NOT NULL GROUP BY word'''):
                print('wind', key, count, minutes, sep='\\t')
            for key, count, minutes in base.execute('''
                SELECT maker, count(*), sum(delay) FROM flight
                JOIN plane USING (plane) GROUP BY maker'''):
                print('maker', key, count, minutes, sep='\\t')
            for key, day, count, minutes in base.execute('''
                SELECT name, time / 86400 * 86400 AS day, count(*), sum(delay) FROM flight
                JOIN airline USING (carrier) GROUP BY name, day
                HAVING day + 86400 + 43200 <= (SELECT max(time) FROM flight)'''):
                print('day', f'{key} {day}', count, minutes, sep='\\t')
            """

        private struct Sum: Decodable {
            let day: Int?
            let flights: Int
            let minutes: Int
        }

        private let folder: TemporaryFolder
        private var data: String { folder.path("data") }

        init() throws { folder = try TemporaryFolder() }

        /// The last value of each key of a topic, as the script prints them.
        private func results(_ topic: String, _ word: String) throws -> Set<String> {
            let outcome = try Millrace.succeed(
                "consume",
                topic,
                "--data",
                data,
                "--until-end",
                "--format",
                "%k\\t%s\\n"
            )
            var found: [String: String] = [:]
            for line in outcome.lines {
                let parts = line.split(separator: "\t", maxSplits: 1)
                let sum = try JSONDecoder().decode(Sum.self, from: Data(parts[1].utf8))
                let key = parts[0] + (sum.day.map { " \($0)" } ?? "")
                if sum.day != nil { #expect(found[String(key)] == nil, "\(key) came twice") }
                found[String(key)] = "\(word)\t\(key)\t\(sum.flights)\t\(sum.minutes)"
            }
            return Set(found.values)
        }

        @Test func `winds, makers and days of a whole year are those of SQLite`() throws {
            let weather = Self.source.appending(path: "weather.csv.gz").path
            for file in [weather, "/usr/bin/python3"]
            where !FileManager.default.fileExists(atPath: file) {
                return print("SKIPPED: the year of flights needs \(file)")
            }
            let script = try folder.write("year.py", Self.script)
            let expected = try Millrace.shell(
                "/usr/bin/python3 '\(script.path)' '\(Self.source.path)' '\(folder.url.path)'"
            )
            #expect(expected.status == 0, "\(expected.errors)")
            #expect(expected.lines.count > 5_000)
            for (topic, file) in [
                ("airlines", "airlines"), ("planes", "planes"), ("ny-weather", "weather"),
                ("ny-flights", "flights"),
            ] {
                try Millrace.succeed("topic", "create", topic, "--partitions", "1", "--data", data)
                let words = ["produce", topic, "--data", data]
                let keyed = file == "airlines" || file == "planes" ? ["--key-separator", ","] : []
                let produced = try Millrace.tool(
                    Millrace.executable,
                    words + keyed,
                    input: folder.url.appending(path: file)
                )
                #expect(produced.status == 0, "\(produced.errors)")
            }
            try Millrace.succeed(
                "run",
                "Jobs/FlightDelays",
                "--product",
                "FlightWeather",
                "--data",
                data,
                "--until-caught-up"
            )
            var found = try results("delays-by-wind", "wind")
            found.formUnion(try results("delays-by-maker", "maker"))
            found.formUnion(try results("airline-days", "day"))
            let wanted = Set(expected.lines)
            #expect(found == wanted, "\(found.symmetricDifference(wanted).sorted().prefix(20))")
        }
    }
}
