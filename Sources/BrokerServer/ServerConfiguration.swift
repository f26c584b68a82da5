/// What the listener allows. Where Kafka has a name for it, that name is told.
package struct ServerConfiguration: Sendable {
    /// The largest request, its length field not counted (`socket.request.max.bytes`).
    package var requestByteLimit = 104_857_600
    /// Requests of one connection that are begun and not answered, where they may overlap.
    package var inFlightLimit = 16
    /// What all requests together may hold while they are read and answered
    /// (`queued.max.request.bytes`).
    package var memoryByteCount = 256 << 20
    /// Nothing new of a connection is begun while so much waits to be read by its other end.
    package var unreadByteCount = 1 << 20
    /// A connection whose other end takes nothing for so long is closed while something waits.
    package var slowReaderTimeout = Duration.seconds(30)
    /// The same while the answers of all connections hold as much as they may.
    package var crowdedReaderTimeout = Duration.seconds(10)
    /// Who takes no more than so much in so long is closed then too, while something waits: a byte
    /// now and again would hold the memory of all for ever.
    package var crowdedReaderByteCount = 1 << 20
    package var crowdedReaderPeriod = Duration.seconds(30)
    /// A request must be whole so long after its begin.
    package var frameTimeout = Duration.seconds(60)
    /// The same while others wait for the memory that its bytes hold.
    package var crowdedFrameTimeout = Duration.seconds(5)
    /// Keys must be agreed on, and a user known, so long after the connection began.
    package var authenticationTimeout = Duration.seconds(30)
    /// A connection without requests is closed after this (`connections.max.idle.ms`).
    package var idleTimeout = Duration.seconds(600)
    /// Connections at a time (`max.connections`), and of one address of the other end
    /// (`max.connections.per.ip`).
    package var connectionLimit = 10_000
    package var connectionLimitPerHost = 10_000
    /// Threads that answer requests (`num.io.threads`).
    package var workerCount = 8
    /// How long a stop waits for what is in flight.
    package var stopTimeout = Duration.seconds(5)

    package init() {}
}

extension Duration {
    /// Whole nanoseconds, within what 64 bits can tell.
    var nanoseconds: UInt64 {
        let (seconds, attoseconds) = components
        let (product, overflows) = UInt64(clamping: seconds)
            .multipliedReportingOverflow(by: 1_000_000_000)
        if overflows { return .max }
        let (sum, exceeds) = product.addingReportingOverflow(
            UInt64(clamping: attoseconds / 1_000_000_000)
        )
        return exceeds ? .max : sum
    }
}
