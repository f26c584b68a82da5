import CRocksDB

/// The options that all stores of a process share, with one block cache among them.
///
/// SAFETY: `@unchecked` because of RocksDB's option handles, which are only read once set up.
package final class RocksOptions: @unchecked Sendable {
    let database: OpaquePointer
    let read: OpaquePointer
    let write: OpaquePointer
    let flush: OpaquePointer
    let ingest: OpaquePointer
    let environment: OpaquePointer
    private let cache: OpaquePointer

    /// Options with one cache of `cacheByteCount` bytes for the blocks of all stores.
    package init(cacheByteCount: Int = 128 << 20) {
        cache = rocksdb_cache_create_lru(cacheByteCount)
        database = rocksdb_options_create()
        read = rocksdb_readoptions_create()
        write = rocksdb_writeoptions_create()
        flush = rocksdb_flushoptions_create()
        ingest = rocksdb_ingestexternalfileoptions_create()
        environment = rocksdb_envoptions_create()
        let table = rocksdb_block_based_options_create()
        rocksdb_block_based_options_set_block_cache(table, cache)
        // The options take the filter over; 10 bits a key leave 1 % false positives.
        rocksdb_block_based_options_set_filter_policy(
            table,
            rocksdb_filterpolicy_create_bloom_full(10)
        )
        rocksdb_block_based_options_set_block_size(table, 16 << 10)
        rocksdb_options_set_block_based_table_factory(database, table)
        rocksdb_block_based_options_destroy(table)
        rocksdb_options_set_create_if_missing(database, 1)
        rocksdb_options_set_compression(database, Int32(rocksdb_lz4_compression))
        rocksdb_options_set_write_buffer_size(database, 1 << 20)
        rocksdb_options_set_max_background_jobs(database, 2)
        rocksdb_options_set_max_open_files(database, 256)
        rocksdb_options_set_keep_log_file_num(database, 2)
        rocksdb_options_set_info_log_level(database, 3)
        rocksdb_writeoptions_disable_WAL(write, 1)
        rocksdb_ingestexternalfileoptions_set_move_files(ingest, 1)
    }

    deinit {
        rocksdb_options_destroy(database)
        rocksdb_readoptions_destroy(read)
        rocksdb_writeoptions_destroy(write)
        rocksdb_flushoptions_destroy(flush)
        rocksdb_ingestexternalfileoptions_destroy(ingest)
        rocksdb_envoptions_destroy(environment)
        rocksdb_cache_destroy(cache)
    }
}
