import LogStorage

/// Where the rules of who may do what are kept.
extension Broker {
    package func accessRules() throws(BrokerError) -> [UInt8]? {
        do throws(LogStorageError) { return try dataDirectory.accessRules() } catch {
            throw BrokerError(error, in: Self.accessRulesName)
        }
    }

    package func storeAccessRules(_ body: [UInt8]) throws(BrokerError) {
        do throws(LogStorageError) { try dataDirectory.storeAccessRules(body) } catch {
            throw BrokerError(error, in: Self.accessRulesName)
        }
    }

    /// What can be stored: more could not be read any more.
    package var accessRuleByteLimit: Int { DataDirectory.accessRuleByteLimit }

    private static var accessRulesName: String { "the access rules" }
}
