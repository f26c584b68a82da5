import Broker
import KafkaWire
import LogModel

/// What this log does not have: access lists, quotas, other replicas. The answers are those of a
/// Kafka broker in which the feature is off.
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
}
