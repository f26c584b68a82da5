/// The file system of a path, by the lines of `/proc/self/mountinfo`.
struct Mount: Equatable {
    /// `ext4`, `overlay`, `nfs4`.
    let kind: String
    /// What is mounted: a device, `server:/path`.
    let source: String
    /// Of this place and of the file system.
    let options: Set<String>

    /// What becomes of a file that was flushed.
    enum Durability: Equatable {
        case onDisk
        /// Memory: gone with the machine.
        case inMemory
        /// A container's own layer: gone with the container.
        case inContainer
        /// Another machine's: what a flush and a lock mean is that machine's.
        case onNetwork
    }

    var durability: Durability {
        switch kind {
        case "tmpfs", "ramfs", "devtmpfs": .inMemory
        case "overlay", "aufs": .inContainer
        case "9p", "afs", "ceph", "cifs", "glusterfs", "lustre", "nfs", "nfs4", "smb3", "smbfs",
            "virtiofs":
            .onNetwork
        case let kind where kind.hasPrefix("fuse"): .onNetwork
        default: .onDisk
        }
    }

    /// Options by which a flush does not reach the disk's own memory, or not in order.
    var careless: [String] {
        options.filter { ["nobarrier", "barrier=0", "data=writeback"].contains($0) }.sorted()
    }

    /// The mount that a path lies on: the longest that it begins with, the last of those alike.
    static func of(_ path: String, in table: String) -> Mount? {
        var found: (point: String, mount: Mount)?
        for line in table.split(separator: "\n") {
            let words = line.split(separator: " ").map(String.init)
            guard let dash = words.firstIndex(of: "-"), dash >= 6, words.count > dash + 3 else {
                continue
            }
            let point = unescaped(words[4])
            guard path == point || point == "/" || path.hasPrefix(point + "/"),
                point.utf8.count >= found?.point.utf8.count ?? 0
            else { continue }
            let options = (words[5] + "," + words[dash + 3]).split(separator: ",").map(String.init)
            let mount = Mount(
                kind: words[dash + 1],
                source: unescaped(words[dash + 2]),
                options: Set(options)
            )
            found = (point, mount)
        }
        return found?.mount
    }

    /// Blanks and such are a backslash and three octal digits.
    private static func unescaped(_ word: String) -> String {
        var result: [UInt8] = []
        var rest = word.utf8[...]
        while let byte = rest.popFirst() {
            let digits = String(Substring(rest.prefix(3)))
            if byte == UInt8(ascii: "\\"), digits.utf8.count == 3,
                let value = UInt8(digits, radix: 8)
            {
                result.append(value)
                rest = rest.dropFirst(3)
            } else {
                result.append(byte)
            }
        }
        return String(decoding: result, as: UTF8.self)
    }
}
