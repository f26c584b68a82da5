import FileOwner
import Glibc
package import StateStores

/// Opens RocksDB stores below one folder.
///
/// A store that cannot be trusted (damaged, or of a format that this program does not know) is
/// removed and begun anew: the changelog holds everything, and the restore brings it back.
package struct RocksStoreFactory: StoreEngineFactory {
    private let directory: String
    private let options: RocksOptions
    private let onDiscard: @Sendable (StoreError) -> Void

    /// Stores below `directory`, which is created when the first store is opened. `onDiscard`
    /// learns of each store that was removed or wiped, and why: its restore reads the whole
    /// changelog.
    package init(
        directory: String,
        options: RocksOptions = RocksOptions(),
        onDiscard: @escaping @Sendable (StoreError) -> Void = { _ in }
    ) {
        self.directory = directory
        self.options = options
        self.onDiscard = onDiscard
    }

    package func open(path: String) throws(StoreError) -> any StoreEngine {
        let full = "\(directory)/\(path)"
        try createWithParents(full)
        do throws(StoreError) { return try openStore(full) } catch {
            guard Self.isReasonToDiscard(error) else { throw error }
            try RocksStore.destroy(path: full, options: options)
            onDiscard(error)
        }
        try createWithParents(full)
        return try openStore(full)
    }

    private func openStore(_ path: String) throws(StoreError) -> RocksStore {
        try RocksStore(path: path, options: options, onWipe: onDiscard)
    }

    /// Damage that RocksDB reports, a format from elsewhere, and files that are gone: the folder
    /// was just made, so it is one of the store's own that RocksDB does not find.
    private static func isReasonToDiscard(_ error: StoreError) -> Bool {
        switch error.code {
        case .corrupt, .newerFormat: true
        case .io: error.message.hasPrefix("IO error: No such file or directory")
        case .inUse, .full, .keyTooLong: false
        }
    }

    private func createWithParents(_ path: String) throws(StoreError) {
        var prefix = path.hasPrefix("/") ? "" : "."
        for part in path.split(separator: "/") {
            prefix += "/\(part)"
            let isMade = FileOwner.makeFolder(prefix, mode: 0o700) == 0
            guard !isMade, errno != EEXIST else { continue }
            throw StoreError(
                code: .io,
                path: path,
                message: "mkdir \(prefix): \(String(cString: strerror(errno)))"
            )
        }
    }
}
