import Millrace

/// How many flights left, and how many minutes late all together.
struct Departures: Codable, Equatable, Sendable {
    var flights: Int64 = 0
    var minutes: Int64 = 0

    mutating func add(_ delay: Int64) {
        flights += 1
        minutes += delay
    }
}

/// The delay of a flight, and what it is counted under.
struct Delay: Equatable, Sendable {
    var name: String
    var minutes: Int64
}

extension KeyedStream where Value == Delay {
    /// The delays by what they are counted under, through a topic of the job.
    func grouped(via topic: String) -> GroupedStream<UTF8Serde, Int64> {
        map { (_: Key, delay: Delay) -> (String, Int64) in (delay.name, delay.minutes) }
            .repartition(topic, key: .utf8, value: .int64)
            .groupByKey()
    }
}

/// What an airline did on a day.
struct AirlineDay: Codable, Equatable, Sendable {
    /// Where the day begins in Greenwich, in seconds since 1970.
    var day: Int64
    var flights: Int64
    var minutes: Int64
}

enum Topics {
    static let flights = Topic("ny-flights", value: FlightSerde())
    static let weather = Topic("ny-weather", value: WeatherSerde())
    static let planes = Topic("planes", key: .utf8, value: .utf8)
    static let airlines = Topic("airlines", key: .utf8, value: .utf8)
    static let days = Topic("airline-days", key: .utf8, value: AirlineDay.self)
    static let byWind = Topic("delays-by-wind", key: .utf8, value: Departures.self)
    static let byMaker = Topic("delays-by-maker", key: .utf8, value: Departures.self)
}

/// Late departures by airline and day, by the wind of the hour, and by who made the plane: a
/// window, a join of two streams, one with a table and one with a global table.
@main
struct FlightWeather: StreamJob {
    static let name = "flight-weather"

    /// Headings, cancelled flights and hours without a measurement.
    var errorPolicies: ErrorPolicies { ErrorPolicies(decode: .skip) }

    var topology: [Statement] {
        let flights = stream(
            Topics.flights,
            timestamp: { (flight: Flight) -> Timestamp in Timestamp(flight.time * 1000) }
        )
        airlineDays(of: flights).to(Topics.days)
        byWind(flights).to(Topics.byWind)
        byMaker(flights).to(Topics.byMaker)
    }

    /// A day's numbers come once, when half of the next day is over.
    private func airlineDays(
        of flights: Stream<NoKey, Flight>
    ) -> RekeyedStream<String, AirlineDay> {
        let airlines = globalTable(Topics.airlines, store: "airlines")
        return
            flights
            .leftJoin(airlines, key: { (_: NoKey, flight: Flight) -> String? in flight.carrier }) {
                (flight: Flight, name: String?) -> Delay in
                Delay(name: name ?? flight.carrier, minutes: flight.delay)
            }
            .grouped(via: "by-airline")
            .windowed(by: .tumbling(.seconds(86_400), grace: .seconds(43_200)))
            .aggregate(
                store: "airline-days",
                initial: Departures(),
                value: .json(Departures.self),
                emit: .onClose
            ) { (sum: inout Departures, minutes: Int64) in sum.add(minutes) }
            .toStream()
            .flatMap { (airline: Windowed<String>, sum: Departures?) -> [(String, AirlineDay)] in
                guard let sum else { return [] }
                let day = AirlineDay(
                    day: airline.window.start.rawValue / 1000,
                    flights: sum.flights,
                    minutes: sum.minutes
                )
                return [(airline.key, day)]
            }
    }

    /// The weather of a flight has its airport and its hour: the same key and the same time. One
    /// waits for the other as long as the data is, so it does not matter which is read first.
    private func byWind(_ flights: Stream<NoKey, Flight>) -> Table<String, Departures> {
        let weather = stream(
            Topics.weather,
            timestamp: { (weather: Weather) -> Timestamp in Timestamp(weather.time * 1000) }
        )
        .selectKey(\.place)
        .repartition("weather-by-place", key: .utf8, value: WeatherSerde())

        return
            flights
            .selectKey(\.place)
            .repartition("flights-by-place", key: .utf8, value: FlightSerde())
            .join(
                weather,
                within: .within(.zero, grace: .seconds(366 * 86_400)),
                store: "flights-and-weather",
                key: .utf8,
                left: FlightSerde(),
                right: WeatherSerde()
            ) { (flight: Flight, weather: Weather) -> Delay in
                Delay(name: weather.word, minutes: flight.delay)
            }
            .grouped(via: "by-wind")
            .aggregate(store: "by-wind", initial: Departures()) {
                (sum: inout Departures, minutes: Int64) in sum.add(minutes)
            }
    }

    /// The planes were there before they flew: their rows have the time 0, so that a flight finds
    /// its plane.
    private func byMaker(_ flights: Stream<NoKey, Flight>) -> Table<String, Departures> {
        let planes = table(
            Topics.planes,
            store: "planes",
            timestamps: .value { (_: String?) -> Timestamp in Timestamp(0) }
        )
        return
            flights
            .selectKey(\.plane)
            .repartition("flights-by-plane", key: .utf8, value: FlightSerde())
            .join(planes) { (flight: Flight, maker: String) -> Delay in
                Delay(name: maker, minutes: flight.delay)
            }
            .grouped(via: "by-maker")
            .aggregate(store: "by-maker", initial: Departures()) {
                (sum: inout Departures, minutes: Int64) in sum.add(minutes)
            }
    }
}
