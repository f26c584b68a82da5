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
        let unit = Self.units[name]
        let option = unit?.option ?? Self.plain[name]?.name ?? ""
        let size = unit?.size ?? 0
        var text = value
        if let range = Self.range(of: option, size: max(size, 1)) {
            let digits = value.filter { !$0.isWhitespace }
            // -1 is no limit, whatever the unit, and so is what is below it.
            guard let number = Int64(digits), range.contains(unit == nil ? number : max(number, -1))
            else { return "it is a whole number from \(range.lowerBound) to \(range.upperBound)" }
            if let unit { text = "\(number < 0 ? -1 : number * unit.size)" }
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

    /// What an option's numbers are, in units of `size`; nil where it has others, or none.
    private static func range(of name: String, size: Int64) -> ClosedRange<Int64>? {
        guard let option = TopicOption.named(name) else { return nil }
        let least = option.minimum ?? -1
        switch option.kind {
        case .int where name == "max.message.bytes":
            return Int64(RecordBatchLayout.headerByteCount)...Int64(BatchLimit.byteCount)
        case .int: return least...Int64(Int32.max)
        case .long: return least...(Int64.max / size)
        case .boolean, .string, .double, .list: return nil
        }
    }
}
