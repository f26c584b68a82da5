package import Bytes

/// The topics that there are, as a group looks at them.
package struct TopicImage: Equatable, Sendable {
    package struct Shape: Equatable, Sendable {
        package var id: UniqueID
        package var partitionCount: Int32

        package init(id: UniqueID, partitionCount: Int32) {
            self.id = id
            self.partitionCount = partitionCount
        }
    }

    /// Rises whenever a topic comes, goes or grows.
    package let version: UInt64
    package let topics: [String: Shape]

    package init(version: UInt64, topics: [String: Shape]) {
        self.version = version
        self.topics = topics
    }

    /// The ids of those that there are.
    func ids(of names: Set<String>) -> Set<UniqueID> {
        Set(names.compactMap { topics[$0]?.id })
    }

    /// One number for what these topics are: another one when one of them comes, goes or grows, and
    /// 0 for none. It lies in the group's record, so that a change while nobody looked is seen.
    func hash(of names: some Sequence<String>) -> Int64 {
        var hash: UInt64 = 0
        for name in Set(names).sorted() {
            guard let shape = topics[name] else { continue }
            if hash == 0 { hash = Self.basis }
            for byte in name.utf8 { Self.mix(UInt64(byte), into: &hash) }
            Self.mix(shape.id.high, into: &hash)
            Self.mix(shape.id.low, into: &hash)
            Self.mix(UInt64(UInt32(bitPattern: shape.partitionCount)), into: &hash)
        }
        return Int64(bitPattern: hash)
    }

    private static let basis: UInt64 = 0xcbf2_9ce4_8422_2325

    /// FNV-1a, word by word.
    private static func mix(_ word: UInt64, into hash: inout UInt64) {
        for shift in stride(from: UInt64(0), to: 64, by: 8) {
            hash = (hash ^ ((word >> shift) & 0xff)) &* 0x0000_0100_0000_01b3
        }
    }
}
