/// The names of files and folders, each folder an inode of its own, and the changes to them that
/// a power loss may keep or lose one by one.
struct SimulatedNames: Sendable {
    typealias Inode = Int

    enum Node: Sendable, Equatable {
        case file(Inode)
        case directory(Inode)
    }

    /// One name of one folder gets a new meaning; nil: none.
    struct Edit: Sendable {
        var directory: Inode
        var name: String
        var node: Node?
    }

    /// A create, remove or rename: its edits happen together or not at all.
    struct Change: Sendable {
        var sequence: Int
        var edits: [Edit]

        func touches(_ directory: Inode) -> Bool {
            edits.contains { $0.directory == directory }
        }
    }

    static let root: Inode = 0

    var durable: [Inode: [String: Node]] = [root: [:]]
    var current: [Inode: [String: Node]] = [root: [:]]
    var pending: [Change] = []

    /// What a path names now.
    func node(at path: String) -> Node? {
        var node = Node.directory(Self.root)
        for name in path.split(separator: "/") where name != "." {
            guard case .directory(let inode) = node, let next = current[inode]?[String(name)] else {
                return nil
            }
            node = next
        }
        return node
    }

    /// The folder that a path's last name is in, and that name; nil if there is no such folder.
    func place(of path: String) -> (directory: Inode, name: String)? {
        let end = path.lastIndex { $0 == "/" }
        let parent = end.map { path[..<$0] } ?? ""
        let name = end.map { path[path.index(after: $0)...] } ?? path[...]
        guard case .directory(let inode)? = node(at: String(parent)) else { return nil }
        return (inode, String(name))
    }

    mutating func apply(_ edits: [Edit], sequence: Int) {
        for edit in edits { current[edit.directory]?[edit.name] = edit.node }
        pending.append(Change(sequence: sequence, edits: edits))
    }

    /// Makes the names of one folder durable. A rename between folders is one change: it takes
    /// the other folder's earlier changes with it, as a journal does.
    mutating func sync(_ directory: Inode) {
        var synced: Set<Inode> = [directory]
        var kept: [Change] = []
        var taken: [Change] = []
        for change in pending.reversed() {
            if synced.contains(where: change.touches) {
                for edit in change.edits { synced.insert(edit.directory) }
                taken.append(change)
            } else {
                kept.append(change)
            }
        }
        for change in taken.reversed() { keep(change) }
        pending = kept.reversed()
    }

    mutating func keep(_ change: Change) {
        for edit in change.edits { durable[edit.directory, default: [:]][edit.name] = edit.node }
    }

    /// Every file that some durable name leads to.
    func durableFiles() -> Set<Inode> {
        var files: Set<Inode> = []
        var open = [Self.root]
        var seen: Set<Inode> = [Self.root]
        while let directory = open.popLast() {
            for node in (durable[directory] ?? [:]).values {
                switch node {
                case .file(let inode): files.insert(inode)
                case .directory(let inode) where seen.insert(inode).inserted: open.append(inode)
                case .directory: break
                }
            }
        }
        return files
    }
}
