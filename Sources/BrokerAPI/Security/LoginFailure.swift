/// A login that failed, for those who look after the server. Who it was said to be stays untold:
/// people type passwords there.
package struct LoginFailure: Equatable, Sendable {
    package var host: String
    /// Kafka's name of it.
    package var mechanism: String
    /// How many before it were not told, from the same host.
    package var silentCount = 0

    package init(host: String, mechanism: String) {
        self.host = host
        self.mechanism = mechanism
    }
}
