import Coordination
import KafkaWire
import LogModel
import LogStorage
import Security

/// DescribeUserScramCredentials and AlterUserScramCredentials: who may log in. Of a password only
/// its rounds come over the wire, and nothing of it goes back.
extension KafkaAPI {
    private typealias Described =
        DescribeUserScramCredentialsResponse.DescribeUserScramCredentialsResult

    func describeUserScramCredentials(
        _ request: DescribeUserScramCredentialsRequest,
        _ call: APICall
    ) -> DescribeUserScramCredentialsResponse {
        // Nobody is there only where that is known.
        if let damage = credentials.damage {
            return DescribeUserScramCredentialsResponse(
                errorCode: KafkaErrorCode.securityDisabled.rawValue,
                errorMessage: damage
            )
        }
        var byUser: [ExactText: [DescribeUserScramCredentialsResponse.CredentialInfo]] = [:]
        for (key, iterations) in credentials.all {
            byUser[key.user, default: []].append(
                .init(mechanism: Int8(key.mechanism.rawValue), iterations: iterations)
            )
        }
        let asked = request.users ?? []
        let names = asked.isEmpty ? byUser.keys.sorted() : asked.map { ExactText($0.name) }
        let counts = Dictionary(names.map { ($0, 1) }, uniquingKeysWith: +)
        var seen: Set<ExactText> = []
        let results = names.filter { seen.insert($0).inserted }.map { name in
            if counts[name, default: 0] > 1 {
                return Described(
                    user: name.text,
                    errorCode: KafkaErrorCode.duplicateResource.rawValue,
                    errorMessage: "Cannot describe SCRAM credentials for the same user twice in a "
                        + "single request: \(name)"
                )
            }
            guard let infos = byUser[name] else {
                return Described(
                    user: name.text,
                    errorCode: KafkaErrorCode.resourceNotFound.rawValue,
                    errorMessage: "Attempt to describe a user credential that does not exist: "
                        + name.text
                )
            }
            return Described(user: name.text, errorMessage: nil, credentialInfos: infos)
        }
        return DescribeUserScramCredentialsResponse(errorMessage: nil, results: results)
    }

    func alterUserScramCredentials(
        _ request: AlterUserScramCredentialsRequest,
        _ call: APICall
    ) -> AlterUserScramCredentialsResponse {
        var refusals = doubledUsers(request)
        var changes: CredentialStore.Changes = [:]
        for deletion in request.deletions where refusals[deletion.name] == nil {
            do throws(Refusal) {
                changes.updateValue(nil, forKey: try check(deletion))
            } catch { refusals[deletion.name] = error }
        }
        for upsertion in request.upsertions where refusals[upsertion.name] == nil {
            do throws(Refusal) {
                let (key, credential) = try check(upsertion)
                changes.updateValue(credential, forKey: key)
            } catch { refusals[upsertion.name] = error }
        }
        // A user is changed as a whole, or not at all.
        changes = changes.filter { refusals[$0.key.user] == nil }
        // Of a damaged file nobody knows who is refused for what.
        let damage = credentials.damage.map { Refusal(.securityDisabled, $0) }
        var failure: Refusal?
        do throws(LogStorageError) {
            if !changes.isEmpty, damage == nil { try credentials.apply(changes) }
        } catch {
            // Of what was not begun it is known that it was not done.
            let code: KafkaErrorCode =
                if case .readOnly = error { .policyViolation } else { .kafkaStorageError }
            failure = Refusal(code, error.description)
        }
        let names = request.deletions.map(\.name) + request.upsertions.map(\.name)
        let users = Set(names.map { ExactText($0) })
        return AlterUserScramCredentialsResponse(
            results: users.sorted().map { user in
                let refusal = damage ?? refusals[user] ?? failure
                return .init(
                    user: user.text,
                    errorCode: (refusal?.code ?? .none).rawValue,
                    errorMessage: refusal?.message
                )
            }
        )
    }

    /// Users that are named twice, for one mechanism or for two.
    private func doubledUsers(
        _ request: AlterUserScramCredentialsRequest
    ) -> [ExactText: Refusal] {
        let names = request.deletions.map(\.name) + request.upsertions.map(\.name)
        var seen: Set<ExactText> = []
        var refusals: [ExactText: Refusal] = [:]
        for name in names.map({ ExactText($0) }) where !seen.insert(name).inserted {
            refusals[name] = Refusal(
                .duplicateResource,
                "A user credential cannot be altered twice in the same request"
            )
        }
        return refusals
    }

    private func key(
        _ name: String,
        _ number: Int8
    ) throws(Refusal) -> CredentialStore.Key {
        guard !name.isEmpty else {
            throw Refusal(.unacceptableCredential, "Username must not be empty")
        }
        guard name.utf8.count <= CredentialStore.userByteLimit, !name.utf8.contains(0) else {
            throw Refusal(
                .unacceptableCredential,
                "A user's name has \(CredentialStore.userByteLimit) bytes at most, none of them 0"
            )
        }
        guard let mechanism = UInt8(exactly: number).flatMap(ScramMechanism.init) else {
            throw Refusal(.unsupportedSaslMechanism, "Unknown SCRAM mechanism")
        }
        return CredentialStore.Key(user: name, mechanism: mechanism)
    }

    private func check(
        _ deletion: AlterUserScramCredentialsRequest.ScramCredentialDeletion
    ) throws(Refusal) -> CredentialStore.Key {
        let key = try key(deletion.name, deletion.mechanism)
        guard credentials.credential(deletion.name, key.mechanism) != nil else {
            throw Refusal(
                .resourceNotFound,
                "Attempt to delete a user credential that does not exist"
            )
        }
        return key
    }

    private func check(
        _ upsertion: AlterUserScramCredentialsRequest.ScramCredentialUpsertion
    ) throws(Refusal) -> (CredentialStore.Key, ScramCredential) {
        let key = try key(upsertion.name, upsertion.mechanism)
        let range = ScramCredential.iterationRange
        guard upsertion.iterations >= range.lowerBound else {
            throw Refusal(.unacceptableCredential, "Too few iterations")
        }
        guard upsertion.iterations <= range.upperBound else {
            throw Refusal(.unacceptableCredential, "Too many iterations")
        }
        let credential = ScramCredential(
            mechanism: key.mechanism,
            salt: upsertion.salt,
            saltedPassword: upsertion.saltedPassword,
            iterations: upsertion.iterations
        )
        guard let credential else {
            throw Refusal(
                .unacceptableCredential,
                "The salt has 1 to \(ScramCredential.saltByteLimit) bytes, the salted password "
                    + "\(key.mechanism.keyByteCount)"
            )
        }
        return (key, credential)
    }
}
