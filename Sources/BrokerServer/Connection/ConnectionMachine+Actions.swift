package import BrokerAPI
package import Security

extension ConnectionMachine {
    /// What a connection has its surroundings do.
    package enum Action: Sendable {
        /// Asks for memory; `granted` goes on.
        case reserve(byteCount: Int)
        case release(byteCount: Int)
        /// Begins a request; `answered` names the number.
        case handle(APIRequest, number: UInt64)
        /// Looks at a token of somebody who says who it is; `looked` names the number.
        case look(SaslServer, token: [UInt8], number: UInt64)
        /// Sends these bytes, one piece behind the other.
        case write([[UInt8]])
        case read(Bool)
        /// Ends the connection, at once where something is wrong, behind what is to be sent else.
        case close(reason: String?)
    }

    /// Why a connection that waits too long is ended.
    enum Overdue: Equatable, Sendable {
        case idle
        case slowWriter
        case slowReader
        /// It has not said who it is, or agreed on keys.
        case unauthenticated
    }
}
