package import Telemetry

/// What the groups of the journal were like; told once a group.
package final class FlushProbe: Sendable {
    /// From the begin of a group's write to the end of its flush.
    package let seconds = Histogram(.latencies)
    /// Partitions of a group.
    package let partitions = Histogram(
        HistogramCounts(bounds: [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024])
    )
    package let bytes = Counter()

    func noteGroup(
        partitionCount: Int,
        byteCount: Int64,
        nanosecondsSince begin: UInt64,
        at end: UInt64
    ) {
        seconds.observe(nanosecondsSince: begin, at: end)
        partitions.observe(Double(partitionCount))
        bytes.add(UInt64(clamping: byteCount))
    }
}
