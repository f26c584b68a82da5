package import Bytes

/// The id that clients know the directory by, as a cluster of one node.
extension DataDirectory {
    static let clusterName = "cluster"
    private static let clusterFile = "\(ownFolder)/\(clusterName)"

    /// The directory's id: `make` gives it at the first asking, from then on it stays.
    package func clusterID(_ make: () -> UniqueID) throws(LogStorageError) -> UniqueID {
        let known = try onDisk { () throws(DiskError) in
            try files.content(of: files.path(Self.clusterFile))
        }
        if let known, let id = UniqueID(String(decoding: known, as: UTF8.self)) { return id }
        let id = make()
        try onDisk { () throws(DiskError) in
            try files.replace(files.path(Self.clusterFile), with: Array(id.description.utf8))
            try files.disk.syncDirectory(files.path(Self.ownFolder))
        }
        return id
    }
}
