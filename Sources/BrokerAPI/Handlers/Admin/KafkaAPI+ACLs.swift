import Coordination
import Broker
import KafkaWire
import LogModel

/// DescribeAcls, CreateAcls and DeleteAcls 1-3, as far as the log has an authorizer.
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

    /// The valid ones are made, whatever the others are.
    func createAcls(_ request: CreateAclsRequest, _ call: APICall) -> CreateAclsResponse {
        guard let accessControl else {
            let result = CreateAclsResponse.AclCreationResult(
                errorCode: KafkaErrorCode.securityDisabled.rawValue,
                errorMessage: Self.noAuthorizer
            )
            return CreateAclsResponse(results: request.creations.map { _ in result })
        }
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

    func deleteAcls(_ request: DeleteAclsRequest, _ call: APICall) -> DeleteAclsResponse {
        guard let accessControl else {
            let result = DeleteAclsResponse.DeleteAclsFilterResult(
                errorCode: KafkaErrorCode.securityDisabled.rawValue,
                errorMessage: Self.noAuthorizer
            )
            return DeleteAclsResponse(filterResults: request.filters.map { _ in result })
        }
        let filters = request.filters.map { ACLFilter($0) }
        let known = filters.compactMap(\.self)
        var removed: [[ACLBinding]] = []
        do throws(Refusal) {
            removed = try refusing { () throws(BrokerError) in try accessControl.remove(known) }
        } catch {
            let result = DeleteAclsResponse.DeleteAclsFilterResult(
                errorCode: error.code.rawValue,
                errorMessage: error.message
            )
            return DeleteAclsResponse(filterResults: request.filters.map { _ in result })
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

extension ACLBinding {
    /// A rule that may be made, by the checks of Kafka's controller.
    init(checking creation: CreateAclsRequest.AclCreation) throws(Refusal) {
        let name = creation.resourceName
        guard let type = ResourceType(rawValue: creation.resourceType) else {
            throw Refusal(.invalidRequest, "Invalid resourceType \(creation.resourceType)")
        }
        guard type.isServed else {
            throw Refusal(.invalidRequest, "There are no users and delegation tokens here.")
        }
        guard PatternType(rawValue: creation.resourcePatternType) != nil else {
            throw Refusal(
                .invalidRequest,
                "Invalid patternType \(creation.resourcePatternType)"
            )
        }
        guard ACLOperation(rawValue: creation.operation) != nil else {
            throw Refusal(.invalidRequest, "Invalid operation \(creation.operation)")
        }
        guard ACLPermission(rawValue: creation.permissionType) != nil else {
            throw Refusal(.invalidRequest, "Invalid permissionType \(creation.permissionType)")
        }
        guard !name.isEmpty else {
            throw Refusal(.invalidRequest, "Resource name should not be empty")
        }
        guard type != .cluster || name == Authorizer.clusterName else {
            throw Refusal(
                .invalidRequest,
                "The only valid name for the CLUSTER resource is \(Authorizer.clusterName)"
            )
        }
        let principal = creation.principal.utf8
        guard let colon = principal.firstIndex(of: UInt8(ascii: ":")),
            colon != principal.startIndex, principal.index(after: colon) != principal.endIndex
        else {
            throw Refusal(
                .invalidRequest,
                "expected a string in format principalType:principalName but got "
                    + "\(creation.principal)"
            )
        }
        guard !creation.host.isEmpty else {
            throw Refusal(.invalidRequest, "The host should not be empty; * is any")
        }
        guard let rule = ACLBinding(creation) else {
            throw Refusal(.invalidRequest, "An element of the rule is not known")
        }
        self = rule
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
