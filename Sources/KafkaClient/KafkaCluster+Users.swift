import KafkaWire
import LogModel
package import Security

/// A credential of a user as a cluster tells of it: nothing that is secret.
package struct ClusterCredential: Sendable, Equatable {
    package let user: String
    package let mechanism: ScramMechanism
    package let iterations: Int32
}

/// Who may log in.
extension KafkaCluster {
    /// Of one user, or of all for nil.
    package func credentials(of user: String?) throws(KafkaClientError) -> [ClusterCredential] {
        try retrying { () throws(KafkaClientError) in
            let response = try ask(
                DescribeUserScramCredentialsRequest(users: user.map { [.init(name: $0)] }),
                of: .controller
            )
            try check(response.errorCode, about: "the users", response.errorMessage)
            var credentials: [ClusterCredential] = []
            for result in response.results {
                let about = "the user '\(result.user)'"
                try check(result.errorCode, about: about, result.errorMessage)
                for info in result.credentialInfos {
                    guard
                        let mechanism = UInt8(exactly: info.mechanism)
                            .flatMap(ScramMechanism.init)
                    else { continue }
                    credentials.append(
                        ClusterCredential(
                            user: result.user,
                            mechanism: mechanism,
                            iterations: info.iterations
                        )
                    )
                }
            }
            return credentials
        }
    }

    /// Gives a user a password, of which only the rounds leave this process: a request for each
    /// mechanism, for a cluster takes a user once in one.
    package func setPassword(
        of user: String,
        _ password: [UInt8],
        _ mechanisms: [ScramMechanism],
        iterations: Int32
    ) throws(KafkaClientError) {
        for mechanism in mechanisms {
            let salted = SaltedPassword(mechanism, password: password, iterations)
            let upsertion = AlterUserScramCredentialsRequest.ScramCredentialUpsertion(
                name: user,
                mechanism: Int8(mechanism.rawValue),
                iterations: salted.iterations,
                salt: salted.salt,
                saltedPassword: salted.bytes
            )
            try alter(AlterUserScramCredentialsRequest(upsertions: [upsertion]))
        }
    }

    package func deleteCredentials(
        of user: String,
        _ mechanisms: [ScramMechanism]
    ) throws(KafkaClientError) {
        for mechanism in mechanisms {
            let deletion = AlterUserScramCredentialsRequest.ScramCredentialDeletion(
                name: user,
                mechanism: Int8(mechanism.rawValue)
            )
            try alter(AlterUserScramCredentialsRequest(deletions: [deletion]))
        }
    }

    private func alter(
        _ request: AlterUserScramCredentialsRequest
    ) throws(KafkaClientError) {
        try retrying { () throws(KafkaClientError) in
            let response = try ask(request, of: .controller)
            for result in response.results {
                let about = "the user '\(result.user)'"
                try check(result.errorCode, about: about, result.errorMessage)
            }
        }
    }
}
