import Millrace

/// What a plane did without a pause of more than six hours.
struct PlaneDay: Codable, Equatable, Sendable {
    /// The first departure, in seconds since 1970.
    var first: Int64 = .max
    /// The last one.
    var last: Int64 = 0
    var departures: Int64 = 0
    /// Minutes late, of all together.
    var delay: Int64 = 0

    mutating func add(_ departure: Departure) {
        merge(
            PlaneDay(
                first: departure.time,
                last: departure.time,
                departures: 1,
                delay: departure.delay
            )
        )
    }

    mutating func merge(_ other: PlaneDay) {
        first = min(first, other.first)
        last = max(last, other.last)
        departures += other.departures
        delay += other.delay
    }
}

enum Topics {
    static let departures = Topic("departures", value: DepartureSerde())
    static let days = Topic("plane-days", key: .utf8, value: PlaneDay.self)
}

/// Finds each plane's working days in New York: departures with pauses of at most six hours. A day
/// is written once, when no departure can belong to it any more.
@main
struct Sessions: StreamJob {
    static let name = "sessions"

    /// The heading and flights that did not leave are no departures.
    var errorPolicies: ErrorPolicies { ErrorPolicies(decode: .skip) }

    var topology: [Statement] {
        stream(
            Topics.departures,
            timestamp: { (departure: Departure) -> Timestamp in Timestamp(departure.time * 1000) }
        )
        .groupBy(\.plane, via: "by-plane", key: .utf8, value: DepartureSerde())
        .windowed(by: .session(gap: .seconds(6 * 3600), grace: .seconds(18 * 3600)))
        .aggregate(
            store: "plane-days",
            initial: PlaneDay(),
            value: .json(PlaneDay.self),
            emit: .onClose,
            merge: { (left: PlaneDay, right: PlaneDay) -> PlaneDay in
                var both = left
                both.merge(right)
                return both
            }
        ) { (day: inout PlaneDay, departure: Departure) in day.add(departure) }
        .toStream()
        .flatMap { (plane: Windowed<String>, day: PlaneDay?) -> [(String, PlaneDay)] in
            day.map { [(plane.key, $0)] } ?? []
        }
        .to(Topics.days)
    }
}
