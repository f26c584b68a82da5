import Broker
import KafkaWire
import LogModel

/// What this log does not have: access lists, quotas, credentials, other replicas. The answers are
/// those of a Kafka broker in which the feature is off.
extension KafkaAPI {
    private static var noAuthorizer: String { "No Authorizer is configured." }

    func describeAcls(_ request: DescribeAclsRequest, _ call: APICall) -> DescribeAclsResponse {
        DescribeAclsResponse(
            errorCode: KafkaErrorCode.securityDisabled.rawValue,
            errorMessage: Self.noAuthorizer
        )
    }

    func createAcls(_ request: CreateAclsRequest, _ call: APICall) -> CreateAclsResponse {
        let result = CreateAclsResponse.AclCreationResult(
            errorCode: KafkaErrorCode.securityDisabled.rawValue,
            errorMessage: Self.noAuthorizer
        )
        return CreateAclsResponse(results: request.creations.map { _ in result })
    }

    func deleteAcls(_ request: DeleteAclsRequest, _ call: APICall) -> DeleteAclsResponse {
        let result = DeleteAclsResponse.DeleteAclsFilterResult(
            errorCode: KafkaErrorCode.securityDisabled.rawValue,
            errorMessage: Self.noAuthorizer
        )
        return DeleteAclsResponse(filterResults: request.filters.map { _ in result })
    }

    func describeClientQuotas(
        _ request: DescribeClientQuotasRequest,
        _ call: APICall
    ) -> DescribeClientQuotasResponse {
        DescribeClientQuotasResponse(errorMessage: nil, entries: [])
    }

    func alterClientQuotas(
        _ request: AlterClientQuotasRequest,
        _ call: APICall
    ) -> AlterClientQuotasResponse {
        AlterClientQuotasResponse(
            entries: request.entries.map { entry in
                AlterClientQuotasResponse.EntryData(
                    errorCode: KafkaErrorCode.unsupportedVersion.rawValue,
                    errorMessage: "This broker has no quotas.",
                    entity: entry.entity.map {
                        AlterClientQuotasResponse.EntityData(
                            entityType: $0.entityType,
                            entityName: $0.entityName
                        )
                    }
                )
            }
        )
    }

    func describeUserScramCredentials(
        _ request: DescribeUserScramCredentialsRequest,
        _ call: APICall
    ) -> DescribeUserScramCredentialsResponse {
        DescribeUserScramCredentialsResponse(
            errorMessage: nil,
            results: (request.users ?? []).map { user in
                DescribeUserScramCredentialsResponse.DescribeUserScramCredentialsResult(
                    user: user.name,
                    errorCode: KafkaErrorCode.resourceNotFound.rawValue,
                    errorMessage: "Attempt to describe a user credential that does not exist: "
                        + user.name
                )
            }
        )
    }

    func alterUserScramCredentials(
        _ request: AlterUserScramCredentialsRequest,
        _ call: APICall
    ) -> AlterUserScramCredentialsResponse {
        let users = Set(request.deletions.map(\.name) + request.upsertions.map(\.name))
        return AlterUserScramCredentialsResponse(
            results: users.sorted().map { user in
                AlterUserScramCredentialsResponse.AlterUserScramCredentialsResult(
                    user: user,
                    errorCode: KafkaErrorCode.unsupportedVersion.rawValue,
                    errorMessage: "This broker keeps no credentials."
                )
            }
        )
    }
}
