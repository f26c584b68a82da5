/// What the credentials in use look like from outside: an exchange with somebody unknown has to
/// look like one with a user, in what is told and in the time that it takes.
package struct ScramShapes: Sendable {
    struct Shape: Equatable, Comparable, Sendable {
        let mechanism: ScramMechanism
        let iterations: Int32
        let saltByteCount: Int
        /// Kafka's administrators make salts of letters and digits.
        let hasSaltOfLetters: Bool

        static func < (left: Shape, right: Shape) -> Bool {
            (left.mechanism, left.iterations, left.saltByteCount, left.hasSaltOfLetters ? 1 : 0)
                < (
                    right.mechanism, right.iterations, right.saltByteCount,
                    right.hasSaltOfLetters ? 1 : 0
                )
        }
    }

    /// Sorted, one of each credential of the mechanism.
    private let ofMechanism: [ScramMechanism: [Shape]]
    /// Sorted, one of each user: of the credential that PLAIN looks at.
    private let ofPlain: [Shape]

    /// Of all credentials, and of those that PLAIN looks at.
    package init(_ all: [ScramCredential] = [], plain: [ScramCredential] = []) {
        ofMechanism = Dictionary(grouping: all.map(Shape.init), by: \.mechanism)
            .mapValues { $0.sorted() }
        ofPlain = plain.map(Shape.init).sorted()
    }

    /// A credential that no password matches, for a user that there is not: each time the same, and
    /// of each shape as often as users are. Nil for a mechanism is PLAIN.
    func decoy(_ mechanism: ScramMechanism?, user: String, secret: [UInt8]) -> ScramCredential {
        let shapes = mechanism.map { ofMechanism[$0] ?? [] } ?? ofPlain
        let draw = Self.bytes(.sha256, secret, "shape", user).prefix(4).reduce(UInt64(0)) {
            $0 << 8 | UInt64($1)
        }
        // The place in the order, and not a number modulo the count: a new user changes few.
        let index = Int((draw * UInt64(shapes.count)) >> 32)
        let shape = shapes.isEmpty ? Shape(usual: mechanism ?? .sha256) : shapes[index]
        return .decoy(
            shape.mechanism,
            salt: Self.salt(shape, user: user, secret),
            storedKey: Self.bytes(shape.mechanism, secret, "stored key", user),
            serverKey: Self.bytes(shape.mechanism, secret, "server key", user),
            iterations: shape.iterations
        )
    }

    private static func salt(_ shape: Shape, user: String, _ secret: [UInt8]) -> [UInt8] {
        var salt: [UInt8] = []
        while salt.count < shape.saltByteCount {
            salt += bytes(shape.mechanism, secret, "salt \(salt.count)", user)
        }
        salt.removeLast(salt.count - shape.saltByteCount)
        guard shape.hasSaltOfLetters else { return salt }
        return salt.map { letters[Int($0) % letters.count] }
    }

    static let letters = Array("0123456789abcdefghijklmnopqrstuvwxyz".utf8)

    private static func bytes(
        _ mechanism: ScramMechanism,
        _ secret: [UInt8],
        _ purpose: String,
        _ user: String
    ) -> [UInt8] {
        Cryptography.authenticationCode(
            mechanism.hash,
            key: secret,
            Array("\(purpose) \(user)".utf8)
        )
    }
}

extension ScramShapes.Shape {
    init(_ credential: ScramCredential) {
        mechanism = credential.mechanism
        iterations = credential.iterations
        saltByteCount = credential.salt.count
        hasSaltOfLetters = credential.salt.allSatisfy { ScramShapes.letters.contains($0) }
    }

    /// Where there is no user of the mechanism.
    fileprivate init(usual mechanism: ScramMechanism) {
        self.mechanism = mechanism
        iterations = ScramCredential.iterationRange.lowerBound
        saltByteCount = ScramCredential.newSaltByteCount
        hasSaltOfLetters = false
    }
}
