import LogModel

extension DirectoryRecovery {
    /// After a clean end nothing lies behind what the checkpoint knows: where something does, the
    /// partition's folder is of another time.
    mutating func compareEnds() throws(LogStorageError) {
        let check = try EndCheck(files)
        var ofAnotherTime: [TopicPartition] = []
        for (key, name) in names {
            guard var known = facts[key], known.recovery.doubt == .none,
                known.offlineReason == nil
            else { continue }
            guard let hasMore = try check.hasMore(name, than: known.recovery) else { continue }
            if hasMore {
                ofAnotherTime.append(name)
                known.recovery.doubt = .endUnknown
                known.tail = .unknown(Self.otherTime)
            } else {
                known.tail = .cut
            }
            facts[key] = known
        }
        guard let first = ofAnotherTime.min() else { return }
        let count = ofAnotherTime.count
        recovered.notes.append(
            (count == 1 ? "\(first) holds" : "\(count) partitions, \(first) for one, hold")
                + " more than \(files.path(DataDirectory.ownFolder)) knows, though that was "
                + "closed cleanly: the folders are of a later time, of a backup for example. "
                + "What is whole is kept"
        )
    }

    static let otherTime = "its folder is of a later time than the directory's checkpoint"
}
