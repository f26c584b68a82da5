import KafkaWire
import LogModel

/// SaslHandshake 0-1 and SaslAuthenticate 0-2 where nothing is to be said any more: on a listener
/// without SASL, or after it is done. The exchange itself is the connection's.
extension KafkaAPI {
    func saslHandshake(
        _ request: SaslHandshakeRequest,
        _ call: APICall
    ) -> SaslHandshakeResponse {
        SaslHandshakeResponse(errorCode: KafkaErrorCode.illegalSaslState.rawValue)
    }

    func saslAuthenticate(
        _ request: SaslAuthenticateRequest,
        _ call: APICall
    ) -> SaslAuthenticateResponse {
        SaslAuthenticateResponse(
            errorCode: KafkaErrorCode.illegalSaslState.rawValue,
            errorMessage: "SaslAuthenticate request received after successful authentication"
        )
    }
}
