import Broker
import KafkaWire
import LogModel

/// What this log does not have: quotas, other replicas. The answers are those of a Kafka broker in
/// which the feature is off.
extension KafkaAPI {
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
