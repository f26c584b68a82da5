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

    /// Makes rules; those that there are already stay. One that is refused keeps no other from
    /// being made.
    ///
    /// - Returns: for each rule why it is not made; nil where it is.
    package func make(
        rules: [CreateAclsRequest.AclCreation]
    ) throws(KafkaClientError) -> [KafkaClientError?] {
        try retrying { () throws(KafkaClientError) in
            let request = CreateAclsRequest(creations: rules)
            let results = try ask(request, of: .controller).results
            guard results.count == rules.count else {
                throw .nonsense(entry, "it has \(results.count) results of \(rules.count) rules")
            }
            var refusals: [KafkaClientError?] = []
            for (result, rule) in zip(results, rules) {
                do throws(KafkaClientError) {
                    let about = "the rule of \(rule.principal)"
                    try check(result.errorCode, about: about, result.errorMessage)
                    refusals.append(nil)
                } catch {
                    // All are sent again: what is there already stays.
                    guard !error.isRetriable else { throw error }
                    refusals.append(error)
                }
            }
            return refusals
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
