import CRocksDB
import StateStores

/// RocksDB's handles of one open database: the database, and its one column family, which some
/// calls want to be named.
///
/// SAFETY: `@unchecked` because RocksDB allows the use of both from several threads.
struct RocksDatabase: @unchecked Sendable {
    let handle: OpaquePointer
    let family: OpaquePointer

    /// Opens, or creates, the database in a folder; one that is read only has to be there, and none
    /// of its files changes.
    static func open(
        _ path: String,
        _ options: RocksOptions,
        isReadOnly: Bool = false
    ) throws(StoreError) -> RocksDatabase {
        var family: OpaquePointer?
        let handle = try RocksCall.run(path) { error in
            "default".withCString { name in
                var name: UnsafePointer<CChar>? = name
                var familyOptions: OpaquePointer? = options.database
                guard !isReadOnly else {
                    return rocksdb_open_for_read_only_column_families(
                        options.database,
                        path,
                        1,
                        &name,
                        &familyOptions,
                        &family,
                        0,
                        error
                    )
                }
                return rocksdb_open_column_families(
                    options.database,
                    path,
                    1,
                    &name,
                    &familyOptions,
                    &family,
                    error
                )
            }
        }
        guard let family else {
            rocksdb_close(handle)
            throw StoreError(code: .io, path: path, message: "RocksDB opened no column family")
        }
        return RocksDatabase(handle: handle, family: family)
    }

    /// A figure that RocksDB keeps; 0 where it does not know the name.
    func figure(_ name: String) -> Int {
        var value: UInt64 = 0
        guard rocksdb_property_int(handle, name, &value) == 0 else { return 0 }
        return Int(clamping: value)
    }

    func close() {
        rocksdb_column_family_handle_destroy(family)
        rocksdb_close(handle)
    }
}
