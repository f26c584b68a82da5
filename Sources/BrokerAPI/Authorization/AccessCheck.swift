import KafkaRecords

/// What of a request its client may have done, decided before the handler sees it: an API cannot
/// be served without one. The handler gets what is left of the request, and the answer what was
/// taken out of it.
struct AccessCheck<Request: KafkaMessage, Response: KafkaMessage>: Sendable {
    enum Outcome: Sendable {
        /// Nothing of it is done.
        case refused(Response)
        /// What is left is done; then its answer is amended.
        case passed((@Sendable (inout Response) -> Void)?)
    }

    typealias Body = @Sendable (inout Request, APICall, Rights, KafkaAPI) -> Outcome

    private let body: Body

    init(_ body: @escaping Body) { self.body = body }

    func pass(_ request: inout Request, _ call: APICall, _ api: KafkaAPI) -> Outcome {
        guard let rights = api.rights(of: call.connection) else { return .passed(nil) }
        return body(&request, call, rights, api)
    }

    /// The handler asks by itself: what it reads is known only there.
    static var byHandler: AccessCheck { AccessCheck { _, _, _, _ in .passed(nil) } }

    /// How a client says who it is: nothing is allowed or denied to anybody yet.
    static var beforeAnybodyIsKnown: AccessCheck { AccessCheck { _, _, _, _ in .passed(nil) } }

    /// One right on the cluster, without which all of the request is refused.
    static func cluster(
        _ operation: ACLOperation,
        _ refusal: @escaping @Sendable (Request) -> Response
    ) -> AccessCheck {
        AccessCheck { request, _, rights, _ in
            rights.allowsOnCluster(operation) ? .passed(nil) : .refused(refusal(request))
        }
    }

    /// One right on the group that a request names.
    static func group(
        _ operation: ACLOperation,
        _ name: @escaping @Sendable (Request) -> String,
        _ refusal: @escaping @Sendable (Request) -> Response
    ) -> AccessCheck {
        AccessCheck { request, _, rights, _ in
            rights.allows(operation, .group, name(request))
                ? .passed(nil) : .refused(refusal(request))
        }
    }
}

extension Array {
    /// Takes out what is not allowed, and returns it.
    mutating func takeDenied(_ isAllowed: (Element) -> Bool) -> [Element] {
        var denied: [Element] = []
        var left: [Element] = []
        for element in self {
            if isAllowed(element) { left.append(element) } else { denied.append(element) }
        }
        if !denied.isEmpty { self = left }
        return denied
    }
}

/// The error numbers of what is denied.
enum Unauthorized {
    static let topic: Int16 = 29
    static let group: Int16 = 30
    static let cluster: Int16 = 31
    static let transactionalID: Int16 = 53
    static let words = "Authorization failed."
}
