import CRocksDB
import FileOwner
import Glibc
import StateStores

/// Calls of RocksDB's C interface, with its error strings made into errors.
enum RocksCall {
    typealias ErrorPointer = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>

    /// A call that answers with a handle.
    static func run(
        _ path: String,
        _ call: (ErrorPointer) -> OpaquePointer?
    ) throws(StoreError) -> OpaquePointer {
        guard let handle = try runOptional(path, call) else {
            throw StoreError(code: .io, path: path, message: "RocksDB gave no answer")
        }
        return handle
    }

    /// A call that answers with a handle or with nothing.
    static func runOptional(
        _ path: String,
        _ call: (ErrorPointer) -> OpaquePointer?
    ) throws(StoreError) -> OpaquePointer? {
        var failure: UnsafeMutablePointer<CChar>?
        let handle = call(&failure)
        if let failure { throw error(failure, path) }
        return handle
    }

    /// A call without an answer.
    static func runVoid(_ path: String, _ call: (ErrorPointer) -> Void) throws(StoreError) {
        var failure: UnsafeMutablePointer<CChar>?
        call(&failure)
        if let failure { throw error(failure, path) }
    }

    /// The error that RocksDB described; frees the description.
    static func error(_ text: UnsafeMutablePointer<CChar>, _ path: String) -> StoreError {
        let message = String(cString: text)
        rocksdb_free(text)
        let code: StoreError.Code =
            if message.hasPrefix("Corruption") {
                .corrupt
            } else if [ENOSPC, EDQUOT, EFBIG].contains(where: {
                message.contains(String(cString: strerror($0)))
            }) {
                .full
            } else if message.hasPrefix("IO error: lock hold by current process")
                || message.hasPrefix("IO error: While lock file")
            {
                .inUse
            } else {
                .io
            }
        return StoreError(code: code, path: path, message: message)
    }

    /// Whether there is such a file.
    static func fileExists(_ path: String) -> Bool { access(path, F_OK) == 0 }

    /// Creates an empty file. Best effort: without it the damage is met again.
    static func createFile(_ path: String) {
        let descriptor = FileOwner.make(path, O_WRONLY, mode: 0o600)
        if descriptor >= 0 { close(descriptor) }
    }

    /// Removes a file that may not be there.
    static func removeFile(_ path: String) { unlink(path) }

    /// The names in a folder; none if it cannot be read.
    static func names(in path: String) -> [String] {
        guard let directory = opendir(path) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            names.append(
                withUnsafeBytes(of: &entry.pointee.d_name) { raw in
                    String(decoding: raw.prefix { $0 != 0 }, as: UTF8.self)
                }
            )
        }
        return names
    }
}
