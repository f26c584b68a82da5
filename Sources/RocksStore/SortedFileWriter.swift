import CRocksDB
import Glibc
import StateStores

/// Writes one sorted file for ingestion.
final class SortedFileWriter {
    let cFile: UnsafeMutablePointer<CChar>
    private let writer: OpaquePointer
    private let path: String
    private var scratch: UnsafeMutableRawPointer
    private var capacity = 1024

    init(file: String, path: String, options: RocksOptions) throws(StoreError) {
        self.path = path
        guard let writer = rocksdb_sstfilewriter_create(options.environment, options.database),
            let copy = strdup(file)
        else { throw StoreError(code: .io, path: path, message: "no memory for a checkpoint") }
        self.writer = writer
        cFile = copy
        scratch = .allocate(byteCount: capacity, alignment: 8)
        try RocksCall.runVoid(path) { rocksdb_sstfilewriter_open(writer, file, $0) }
    }

    deinit {
        rocksdb_sstfilewriter_destroy(writer)
        free(cFile)
        scratch.deallocate()
    }

    /// Writes a key as it is.
    func put(_ key: [UInt8], _ value: [UInt8]) throws(StoreError) {
        try RocksCall.runVoid(path) { error in
            key.withUnsafeBytes { key in
                value.withUnsafeBytes { value in
                    rocksdb_sstfilewriter_put(
                        writer,
                        key.assumingMemoryBound(to: CChar.self).baseAddress,
                        key.count,
                        value.assumingMemoryBound(to: CChar.self).baseAddress,
                        value.count,
                        error
                    )
                }
            }
        }
    }

    /// Writes a key behind a prefix byte; nil removes it.
    func write(
        prefix: UInt8,
        key: UnsafeRawBufferPointer,
        value: UnsafeRawBufferPointer?
    ) throws(StoreError) {
        if key.count + 1 > capacity {
            capacity = (key.count + 1) * 2
            scratch.deallocate()
            scratch = .allocate(byteCount: capacity, alignment: 8)
        }
        scratch.storeBytes(of: prefix, as: UInt8.self)
        if let base = key.baseAddress {
            (scratch + 1).copyMemory(from: base, byteCount: key.count)
        }
        let bytes = scratch.assumingMemoryBound(to: CChar.self)
        var failure: UnsafeMutablePointer<CChar>?
        if let value {
            rocksdb_sstfilewriter_put(
                writer,
                bytes,
                key.count + 1,
                value.assumingMemoryBound(to: CChar.self).baseAddress,
                value.count,
                &failure
            )
        } else {
            rocksdb_sstfilewriter_delete(writer, bytes, key.count + 1, &failure)
        }
        if let failure { throw RocksCall.error(failure, path) }
    }

    /// Ends the file and flushes it.
    func finish() throws(StoreError) {
        try RocksCall.runVoid(path) { rocksdb_sstfilewriter_finish(writer, $0) }
    }
}
