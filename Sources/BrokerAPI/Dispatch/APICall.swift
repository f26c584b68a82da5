/// What a handler is told besides the request's fields.
package struct APICall: Sendable {
    package let version: Int16
    package let clientID: String?
    package let connection: ConnectionIdentity

    package init(version: Int16, clientID: String?, connection: ConnectionIdentity) {
        self.version = version
        self.clientID = clientID
        self.connection = connection
    }

    init(_ request: APIRequest) {
        self.init(
            version: request.version,
            clientID: request.clientID,
            connection: request.connection
        )
    }
}
