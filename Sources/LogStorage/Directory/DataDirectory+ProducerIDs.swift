package import LogModel
import Threads

/// The producer ids of a directory: which were given out, or are named by what lies in it.
extension DataDirectory {
    /// `grantedProducerIDs`, once the partitions were asked that may be of another time: before an
    /// id is given out.
    package func settledProducerIDs() throws(LogStorageError) -> ProducerID {
        for log in logs.withLock({ $0.values.flatMap(\.self) })
        where log.isOfUnknownEnd && log.recoveryReport == nil {
            // One that cannot be opened tells nothing.
            try? log.wake()
        }
        noteCheckpointedProducers()
        try passFoundProducers()
        return try grantedProducerIDs()
    }

    /// The file of blocks may be of another time than the checkpoint, which names the producers of
    /// nearly all partitions.
    private func noteCheckpointedProducers() {
        for known in writingBack.withLock({ Array($0.partitions.values) }) {
            guard let bytes = known.snapshot, let producers = ProducerSnapshotFile.decode(bytes)
            else { continue }
            let own = producers.entries.keys.lazy.filter { $0 < ProducerIDBlock.limit }
            if let last = own.max() { context.noteFound(last) }
        }
    }

    /// Ids below this were given out, or are named by what was imported. Where the file that says
    /// so is lost, every partition's producers are asked.
    package func grantedProducerIDs() throws(LogStorageError) -> ProducerID {
        if let granted = try ProducerIDBlock.load(files) { return granted }
        var highest: Int64 = -1
        var isWhole = true
        for log in logs.withLock({ $0.values.flatMap(\.self) }) {
            guard let producers = try? log.activeProducers else {
                isWhole = false
                continue
            }
            // Those that no block reaches were given out by nobody here.
            highest = producers.lazy.map(\.producerID).filter { $0 < ProducerIDBlock.limit }
                .reduce(highest) { max($0, $1.rawValue) }
        }
        // One that cannot be opened now may be put back, with ids that nobody told of.
        let distance: Int64 = isWhole ? 1 : 1 << 40
        return ProducerID(highest + distance)
    }

    /// Makes the end of a block durable, before an id of it is used.
    package func grantProducerIDs(upTo end: ProducerID) throws(LogStorageError) {
        try givingOut.withLock { _ throws(LogStorageError) in
            // A folder of another time may have raised it meanwhile.
            let known = try ProducerIDBlock.load(files) ?? end
            try ProducerIDBlock.store(max(end, known), files)
        }
    }

    /// Gives out none of the ids that folders of another time hold.
    func passFoundProducers() throws(LogStorageError) {
        try givingOut.withLock { _ throws(LogStorageError) in
            try ProducerIDBlock.pass(context.highestFoundProducer, files)
        }
    }

    /// Producers of imported records keep their ids: nobody else is given one, also after a crash.
    /// Durable before the first record of the id is appended; some more are passed at once, for
    /// the next ones are near.
    package func passProducer(_ id: ProducerID) throws(LogStorageError) {
        try importedProducers.withLock { passed throws(LogStorageError) in
            // The append refuses what no block reaches.
            guard id >= passed, id < ProducerIDBlock.limit else { return }
            let granted = try grantedProducerIDs()
            if granted <= id { try grantProducerIDs(upTo: ProducerID(id.rawValue + 1_000)) }
            passed = granted <= id ? ProducerID(id.rawValue + 1_000) : granted
        }
    }
}
