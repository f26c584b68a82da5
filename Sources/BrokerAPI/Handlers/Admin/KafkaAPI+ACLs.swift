import Coordination
import Broker
import KafkaWire
import LogModel

/// DescribeAcls, CreateAcls and DeleteAcls 1-3, as far as the log has an authorizer. Changes are
/// made one after the other, by one thread: however long they take, the others serve requests.
extension KafkaAPI {
    private static var noAuthorizer: String { "No Authorizer is configured." }
    private static var unknownFilter: String { "The filter has an element that is not known." }

    func describeAcls(_ request: DescribeAclsRequest, _ call: APICall) -> DescribeAclsResponse {
        guard let accessControl else {
            return DescribeAclsResponse(
                errorCode: KafkaErrorCode.securityDisabled.rawValue,
                errorMessage: Self.noAuthorizer
            )
        }
        guard let filter = ACLFilter(request) else {
            return DescribeAclsResponse(
                errorCode: KafkaErrorCode.invalidRequest.rawValue,
                errorMessage: Self.unknownFilter
            )
        }
        var response = DescribeAclsResponse(errorMessage: nil)
        var last: ACLBinding?
        for rule in accessControl.rules where filter.matches(rule) {
            let isSame =
                last?.type == rule.type && last?.name == rule.name && last?.pattern == rule.pattern
            if !isSame {
                response.resources.append(
                    .init(
                        resourceType: rule.type.rawValue,
                        resourceName: rule.name.text,
                        patternType: rule.pattern.rawValue
                    )
                )
            }
            last = rule
            response.resources[response.resources.count - 1].acls.append(
                .init(
                    principal: rule.principal.text,
                    host: rule.host.text,
                    operation: rule.operation.rawValue,
                    permissionType: rule.permission.rawValue
                )
            )
        }
        return response
    }

    func createAcls(
        _ request: CreateAclsRequest,
        _ call: APICall,
        answer: @escaping @Sendable (CreateAclsResponse?) -> Void
    ) {
        guard let accessControl else {
            return answer(CreateAclsResponse(to: request, refusedBy: Self.withoutAuthorizer))
        }
        let isTaken = accessControl.inTurn { [self] in answer(create(request, accessControl)) }
        if !isTaken { answer(CreateAclsResponse(to: request, refusedBy: Self.tooMany)) }
    }

    func deleteAcls(
        _ request: DeleteAclsRequest,
        _ call: APICall,
        answer: @escaping @Sendable (DeleteAclsResponse?) -> Void
    ) {
        guard let accessControl else {
            return answer(DeleteAclsResponse(to: request, refusedBy: Self.withoutAuthorizer))
        }
        let isTaken = accessControl.inTurn { [self] in answer(delete(request, accessControl)) }
        if !isTaken { answer(DeleteAclsResponse(to: request, refusedBy: Self.tooMany)) }
    }

    private static var withoutAuthorizer: Refusal { Refusal(.securityDisabled, noAuthorizer) }

    private static var tooMany: Refusal {
        Refusal(.throttlingQuotaExceeded, "Too many changes of access rules wait: try again later.")
    }

    /// The valid ones are made, whatever the others are.
    private func create(
        _ request: CreateAclsRequest,
        _ accessControl: AccessControl
    ) -> CreateAclsResponse {
        var rules: [ACLBinding] = []
        var refusals: [Refusal?] = []
        for creation in request.creations {
            do throws(Refusal) {
                rules.append(try ACLBinding(checking: creation))
                refusals.append(nil)
            } catch { refusals.append(error) }
        }
        let added = rules
        do throws(Refusal) {
            try refusing { () throws(BrokerError) in try accessControl.add(added) }
        } catch {
            refusals = refusals.map { $0 ?? error }
        }
        return CreateAclsResponse(
            results: refusals.map {
                .init(errorCode: $0?.code.rawValue ?? 0, errorMessage: $0?.message)
            }
        )
    }

    private func delete(
        _ request: DeleteAclsRequest,
        _ accessControl: AccessControl
    ) -> DeleteAclsResponse {
        let filters = request.filters.map { ACLFilter($0) }
        let known = filters.compactMap(\.self)
        var removed: [[ACLBinding]] = []
        do throws(Refusal) {
            removed = try refusing { () throws(BrokerError) in try accessControl.remove(known) }
        } catch {
            return DeleteAclsResponse(to: request, refusedBy: error)
        }
        var next = removed.makeIterator()
        return DeleteAclsResponse(
            filterResults: filters.map { filter in
                guard filter != nil else {
                    return .init(
                        errorCode: KafkaErrorCode.invalidRequest.rawValue,
                        errorMessage: Self.unknownFilter
                    )
                }
                return .init(
                    errorMessage: nil,
                    matchingAcls: (next.next() ?? []).map { .init($0) }
                )
            }
        )
    }
}

extension KafkaErrorCode {
    /// Kafka's clients try again after it.
    fileprivate static let throttlingQuotaExceeded = Self(rawValue: 89)
}

extension CreateAclsResponse {
    fileprivate init(to request: CreateAclsRequest, refusedBy refusal: Refusal) {
        let result = AclCreationResult(
            errorCode: refusal.code.rawValue,
            errorMessage: refusal.message
        )
        self.init(results: request.creations.map { _ in result })
    }
}

extension DeleteAclsResponse {
    fileprivate init(to request: DeleteAclsRequest, refusedBy refusal: Refusal) {
        let result = DeleteAclsFilterResult(
            errorCode: refusal.code.rawValue,
            errorMessage: refusal.message
        )
        self.init(filterResults: request.filters.map { _ in result })
    }
}

extension ACLFilter {
    init?(_ request: DescribeAclsRequest) {
        self.init(
            type: request.resourceTypeFilter,
            name: request.resourceNameFilter,
            pattern: request.patternTypeFilter,
            principal: request.principalFilter,
            host: request.hostFilter,
            operation: request.operation,
            permission: request.permissionType
        )
    }

    init?(_ filter: DeleteAclsRequest.DeleteAclsFilter) {
        self.init(
            type: filter.resourceTypeFilter,
            name: filter.resourceNameFilter,
            pattern: filter.patternTypeFilter,
            principal: filter.principalFilter,
            host: filter.hostFilter,
            operation: filter.operation,
            permission: filter.permissionType
        )
    }
}

extension DeleteAclsResponse.DeleteAclsMatchingAcl {
    fileprivate init(_ rule: ACLBinding) {
        self.init(
            errorMessage: nil,
            resourceType: rule.type.rawValue,
            resourceName: rule.name.text,
            patternType: rule.pattern.rawValue,
            principal: rule.principal.text,
            host: rule.host.text,
            operation: rule.operation.rawValue,
            permissionType: rule.permission.rawValue
        )
    }
}
