import Broker
import LogModel

/// What a topic gets where its creator says nothing, by Kafka's settings of a broker. A topic keeps
/// what it got: another start, without them, must not begin to remove its records.
package struct TopicDefaults: Equatable, Sendable {
    /// By the names that topics have for them.
    private(set) var options: [String: String] = [:]
    /// How coarse the setting was that gave a value: the finest of several counts.
    private var units: [String: Int64] = [:]

    package init() {}

    private struct Unit {
        let option: String
        /// In the option's own.
        let size: Int64
    }

    private static let units: [String: Unit] = [
        "log.retention.ms": Unit(option: "retention.ms", size: 1),
        "log.retention.minutes": Unit(option: "retention.ms", size: 60_000),
        "log.retention.hours": Unit(option: "retention.ms", size: 3_600_000),
        "log.roll.ms": Unit(option: "segment.ms", size: 1),
        "log.roll.hours": Unit(option: "segment.ms", size: 3_600_000),
    ]

    private static let plain: [String: TopicOption] = Dictionary(
        uniqueKeysWithValues: TopicOption.all.compactMap { option in
            guard option.isHonoured, let name = option.brokerName, units[name] == nil else {
                return nil
            }
            return (name, option)
        }
    )

    /// Every setting that gives a default.
    package static let settings: [String] = (Array(units.keys) + plain.keys).sorted()

    /// Takes a setting; the reason why it cannot be, or nil.
    package mutating func set(_ name: String, to value: String) -> String? {
        var option = Self.plain[name]?.name ?? ""
        var text = value
        var size: Int64 = 0
        if let unit = Self.units[name] {
            guard let number = Int64(value) else { return "it is a whole number" }
            let (product, overflows) = number.multipliedReportingOverflow(by: unit.size)
            guard !overflows else { return "it is too long a time" }
            // -1 is no limit, whatever the unit.
            (option, text, size) = (unit.option, "\(number < 0 ? -1 : product)", unit.size)
        }
        do throws(Refusal) {
            let checked = try TopicOptionRules.created([(option, text)])
            if let known = units[option], known < size { return nil }
            options.merge(checked) { $1 }
            units[option] = size
            return nil
        } catch {
            return error.message
        }
    }
}
