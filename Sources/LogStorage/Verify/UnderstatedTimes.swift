package import LogModel

/// The batches of a partition whose header claims an earlier largest time than one of their records
/// has, as some clients write it (0 or -1). CRC and offsets fit and every record can be read, so it
/// is no damage: retention and lookups by time go by what the header says, here as in Kafka. A
/// reader tells the first of a partition and how many there are.
package struct UnderstatedTimes: Sendable {
    /// Where a batch lies.
    package struct Place: Sendable {
        package var file: String
        package var position: Int64
        package var offset: Offset

        package init(file: String, position: Int64, offset: Offset) {
            self.file = file
            self.position = position
            self.offset = offset
        }
    }

    private(set) var count = 0
    /// The first of them; nil if there is none.
    package private(set) var first: Place?

    package init() {}

    /// Takes note of a batch whose latest record is of this time; nil without records.
    package mutating func note(
        _ batch: RecordBatchView,
        latest: Timestamp?,
        at place: @autoclosure () -> Place
    ) {
        guard let latest, latest > batch.maxTimestamp else { return }
        count += 1
        first = first ?? place()
    }

    /// What is said of them.
    package var reason: String {
        let whose = count == 1 ? "1 batch holds" : "\(count) batches hold"
        return "\(whose) a record of a later time than the header says, beginning here; retention "
            + "and lookups by time go by the header"
    }
}
