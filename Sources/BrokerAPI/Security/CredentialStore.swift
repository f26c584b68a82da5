import Bytes
package import Coordination
package import LogStorage
package import Security
import Threads

/// The users that may log in, with their SCRAM credentials: `.millrace/users`, in memory while the
/// log is open. No password is kept, and what is kept is shown to nobody.
///
///     number of credentials  u32, then each:
///     user                   u16 length and UTF-8
///     mechanism              u8
///     iterations             u32
///     salt                   u16 length and bytes
///     stored key, server key bytes of the mechanism's length
///
/// The lock is held over the disk: a change is rare, and one that is answered is durable. Readers
/// take a copy that stands behind a lock of its own.
package final class CredentialStore: Sendable {
    /// A name with a mechanism: what has one credential. The name is its bytes, as the principal is
    /// that rules name.
    package struct Key: Hashable, Comparable, Sendable {
        package let user: ExactText
        package let mechanism: ScramMechanism

        package init(user: String, mechanism: ScramMechanism) {
            self.init(user: ExactText(user), mechanism: mechanism)
        }

        fileprivate init(user: ExactText, mechanism: ScramMechanism) {
            self.user = user
            self.mechanism = mechanism
        }

        package static func < (one: Key, other: Key) -> Bool {
            (one.user, one.mechanism) < (other.user, other.mechanism)
        }
    }

    /// The credentials, and how they look from outside.
    private struct Users: Sendable {
        let credentials: [Key: ScramCredential]
        let shapes: ScramShapes

        init(_ credentials: [Key: ScramCredential]) {
            self.credentials = credentials
            let plain = credentials.filter { key, _ in
                key.mechanism
                    == SaslServer.plainOrder.first {
                        credentials[Key(user: key.user, mechanism: $0)] != nil
                    }
            }
            shapes = ScramShapes(Array(credentials.values), plain: Array(plain.values))
        }
    }

    /// What becomes of credentials: a new one, or none.
    package typealias Changes = [Key: ScramCredential?]

    private static let format: UInt32 = 1
    /// More users than one file should hold.
    package static let credentialLimit = 10_000
    package static let userByteLimit = 512

    private let file: SealedFile
    private let changing = Lock<Void>(())
    private let users: Lock<Users>
    /// Why there are none although there may have been: nobody logs in, and nothing is changed.
    package let damage: String?
    /// For what somebody unknown is told: of this process alone.
    package let decoySecret = Cryptography.randomBytes(32)

    package init(disk: any Disk, directory: String) {
        file = SealedFile(
            DataDirectory.usersName,
            format: Self.format,
            disk: disk,
            directory: directory
        )
        var found: [Key: ScramCredential] = [:]
        var damage: String?
        do throws(LogStorageError) {
            if let content = try file.content() {
                if let decoded = Self.decode(content) {
                    found = decoded
                } else {
                    damage = "\(file.path) is damaged, or a later program's"
                }
            }
        } catch { damage = "\(error)" }
        users = Lock(Users(found))
        self.damage = damage
    }

    package func credential(_ user: String, _ mechanism: ScramMechanism) -> ScramCredential? {
        users.withLock { $0.credentials[Key(user: user, mechanism: mechanism)] }
    }

    /// How an exchange with somebody unknown has to look.
    package var shapes: ScramShapes { users.withLock { $0.shapes } }

    /// All that there are, without what is secret.
    package var all: [(key: Key, iterations: Int32)] {
        users.withLock { $0.credentials }
            .map { ($0.key, $0.value.iterations) }.sorted { $0.0 < $1.0 }
    }

    /// Durable when it returns. The caller has looked at what is asked.
    package func apply(_ changes: Changes) throws(LogStorageError) {
        if let damage { throw .readOnly(damage) }
        try changing.withLock { _ throws(LogStorageError) in
            var next = users.withLock { $0.credentials }
            for (key, credential) in changes { next[key] = credential }
            guard next.count <= Self.credentialLimit else {
                throw .readOnly("there are \(Self.credentialLimit) credentials already")
            }
            try file.replace(with: Self.encode(next))
            let users = Users(next)
            self.users.withLock { $0 = users }
        }
    }

    // MARK: Bytes

    private static func encode(_ credentials: [Key: ScramCredential]) -> [UInt8] {
        var bytes: [UInt8] = []
        func put<Integer: FixedWidthInteger>(_ value: Integer) {
            withUnsafeBytes(of: value.bigEndian) { bytes.append(contentsOf: $0) }
        }
        put(UInt32(credentials.count))
        for (key, credential) in credentials.sorted(by: { $0.key < $1.key }) {
            put(UInt16(key.user.bytes.count))
            bytes += key.user.bytes
            put(key.mechanism.rawValue)
            put(credential.iterations)
            put(UInt16(credential.salt.count))
            bytes += credential.salt + credential.storedKey + credential.serverKey
        }
        return bytes
    }

    /// Nil for bytes that are none of it.
    private static func decode(_ bytes: [UInt8]) -> [Key: ScramCredential]? {
        bytes.withUnsafeBytes { raw in
            var reader = ByteReader(raw)
            do throws(WireError) {
                let count: UInt32 = try reader.readInteger()
                guard count <= credentialLimit else { return nil }
                var credentials: [Key: ScramCredential] = [:]
                for _ in 0..<count {
                    guard let (key, credential) = try decodeOne(&reader) else { return nil }
                    credentials[key] = credential
                }
                return reader.isAtEnd ? credentials : nil
            } catch { return nil }
        }
    }

    private static func decodeOne(
        _ reader: inout ByteReader
    ) throws(WireError) -> (Key, ScramCredential)? {
        func bytes(_ count: Int) throws(WireError) -> [UInt8] {
            Array(try reader.readSlice(count))
        }
        let nameByteCount: UInt16 = try reader.readInteger()
        let name = try bytes(Int(nameByteCount))
        let number: UInt8 = try reader.readInteger()
        let iterations: Int32 = try reader.readInteger()
        let saltByteCount: UInt16 = try reader.readInteger()
        let salt = try bytes(Int(saltByteCount))
        guard let user = String(validating: name, as: UTF8.self),
            let mechanism = ScramMechanism(rawValue: number)
        else { return nil }
        let storedKey = try bytes(mechanism.keyByteCount)
        let serverKey = try bytes(mechanism.keyByteCount)
        let credential = ScramCredential(
            mechanism: mechanism,
            salt: salt,
            storedKey: storedKey,
            serverKey: serverKey,
            iterations: iterations
        )
        return credential.map { (Key(user: user, mechanism: mechanism), $0) }
    }
}
