import Glibc
package import StateStores

/// Opens RocksDB stores below one folder.
package struct RocksStoreFactory: StoreEngineFactory {
    private let directory: String
    private let options: RocksOptions

    /// Stores below `directory`, which is created when the first store is opened.
    package init(directory: String, options: RocksOptions = RocksOptions()) {
        self.directory = directory
        self.options = options
    }

    package func open(path: String) throws(StoreError) -> any StoreEngine {
        let full = "\(directory)/\(path)"
        try createWithParents(full)
        return try RocksStore(path: full, options: options)
    }

    private func createWithParents(_ path: String) throws(StoreError) {
        var prefix = path.hasPrefix("/") ? "" : "."
        for part in path.split(separator: "/") {
            prefix += "/\(part)"
            guard mkdir(prefix, 0o700) != 0, errno != EEXIST else { continue }
            throw StoreError(
                code: .io,
                path: path,
                message: "mkdir \(prefix): \(String(cString: strerror(errno)))"
            )
        }
    }
}
