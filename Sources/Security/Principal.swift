/// Who speaks, as Kafka writes it.
package enum Principal {
    /// Of a connection that has not said who it is.
    package static let anonymous = "User:ANONYMOUS"

    /// Of a user's name, or of a certificate's subject.
    package static func user(_ name: String) -> String { "User:\(name)" }
}
