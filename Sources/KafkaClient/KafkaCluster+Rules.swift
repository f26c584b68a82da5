package import KafkaWire

/// Access rules (ACLs), in the form of the wire.
extension KafkaCluster {
    /// The rules that a filter means.
    package func rules(
        _ filter: DescribeAclsRequest
    ) throws(KafkaClientError) -> [CreateAclsRequest.AclCreation] {
        try retrying { () throws(KafkaClientError) in
            let response = try ask(filter)
            try check(response.errorCode, about: "the access rules", response.errorMessage)
            return response.resources.flatMap { resource in
                resource.acls.map { rule in
                    CreateAclsRequest.AclCreation(
                        resourceType: resource.resourceType,
                        resourceName: resource.resourceName,
                        resourcePatternType: resource.patternType,
                        principal: rule.principal,
                        host: rule.host,
                        operation: rule.operation,
                        permissionType: rule.permissionType
                    )
                }
            }
        }
    }

    /// Makes rules; those that there are already stay.
    package func make(
        rules: [CreateAclsRequest.AclCreation]
    ) throws(KafkaClientError) {
        try retrying { () throws(KafkaClientError) in
            let response = try ask(CreateAclsRequest(creations: rules), of: .controller)
            for (result, rule) in zip(response.results, rules) {
                try check(
                    result.errorCode,
                    about: "the rule of \(rule.principal)",
                    result.errorMessage
                )
            }
        }
    }

    /// Removes these rules, and no others.
    package func remove(
        rules: [CreateAclsRequest.AclCreation]
    ) throws(KafkaClientError) {
        let filters = rules.map { rule in
            DeleteAclsRequest.DeleteAclsFilter(
                resourceTypeFilter: rule.resourceType,
                resourceNameFilter: rule.resourceName,
                patternTypeFilter: rule.resourcePatternType,
                principalFilter: rule.principal,
                hostFilter: rule.host,
                operation: rule.operation,
                permissionType: rule.permissionType
            )
        }
        try retrying { () throws(KafkaClientError) in
            let response = try ask(DeleteAclsRequest(filters: filters), of: .controller)
            for (result, rule) in zip(response.filterResults, rules) {
                try check(
                    result.errorCode,
                    about: "the rule of \(rule.principal)",
                    result.errorMessage
                )
            }
        }
    }
}
