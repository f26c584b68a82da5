import Millrace

enum Topics {
    static let flights = Topic("flights", value: .utf8)
    static let delays = Topic("flight-delays", key: .utf8, value: DelaysSerde())
}

/// Keeps, for each destination, how many flights arrived, how many minutes late in all, and the
/// longest delay.
@main
struct FlightDelays: StreamJob {
    static let name = "flight-delays"

    var topology: [Statement] {
        stream(Topics.flights)
            .flatMap { _, line -> [(String, Int64)] in
                Flight(line: line).map { [($0.destination, $0.arrivalDelay)] } ?? []
            }
            .repartition("by-destination", key: .utf8, value: .int64)
            .groupByKey()
            .aggregate(store: "delays", initial: Delays(), value: DelaysSerde()) {
                delays,
                minutes in
                delays.add(minutes)
            }
            .to(Topics.delays)
    }
}
