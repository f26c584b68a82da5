/// How a store gets at what its engine holds before it is asked for: after a start nothing of it is
/// in memory, and single reads cost ten times what a scan or a common look-up costs.
extension StateStore {
    /// Whether everything that the engine holds is about to be taken into memory, a piece at a
    /// time. It begins with the first key that is asked for.
    public var isLoading: Bool { hasMissed && mayLoadAll && !isComplete }

    /// Takes the next piece of what the engine holds into memory, while it fits; once all of it
    /// is there, the engine is not read again. Between records.
    public func loadSome(entryLimit: Int = 1 << 16) throws(StoreError) {
        guard isLoading else { return }
        if loadedUpTo == nil, !mayFitAll { return mayLoadAll = false }
        var left = entryLimit
        var outcome = Result<Bool, StoreError>.success(true)
        var last: [UInt8]?
        try scanBehindLoaded { key, stored in
            outcome = Result { () throws(StoreError) in try loadOne(key, stored) }
            guard case .success(true) = outcome else { return false }
            left -= 1
            guard left == 0 else { return true }
            last = Array(key)
            return false
        }
        if try !outcome.get() {
            // It does not fit; what is there may be of use.
            mayLoadAll = false
        } else if let last {
            loadedUpTo = last
        } else {
            isComplete = true
        }
        if !mayLoadAll || isComplete { loadedUpTo = nil }
    }

    /// Takes everything that the engine holds into the table, if it may fit: from then on ranges
    /// never ask the engine. Tried once after an opening, a wipe, or a restore into the engine.
    func loadAll() throws(StoreError) {
        hasMissed = true
        while isLoading { try loadSome(entryLimit: .max) }
    }

    /// Scans the engine's entries from behind the last one that was taken in.
    private func scanBehindLoaded(
        _ body: (_ key: UnsafeRawBufferPointer, _ stored: UnsafeRawBufferPointer) -> Bool
    ) throws(StoreError) {
        guard let loadedUpTo else { return try engine.scan(from: nil, to: nil, body) }
        // The next key that there can be.
        try (loadedUpTo + [0]).withUnsafeBufferPointer { from throws(StoreError) in
            try engine.scan(from: UnsafeRawBufferPointer(from), to: nil, body)
        }
    }

    /// Takes one entry of the engine into the table, unless that knows the key; false if the table
    /// has become too large.
    private func loadOne(
        _ key: UnsafeRawBufferPointer,
        _ stored: UnsafeRawBufferPointer
    ) throws(StoreError) -> Bool {
        // One that nobody can ask for stays where it is.
        guard key.count <= KeyValueTable.keyByteLimit else { return true }
        let hash = KeyHash.hash(key)
        if table.pointee.find(key, hash: hash) == nil {
            let (timestamp, value) = try Self.read(stored)
            table.pointee.setClean(enter(key, hash: hash), value: value, timestamp: timestamp)
        }
        noteMemory()
        return share.excess == 0 && !table.pointee.isCrowded
    }

    /// Whether it is worth trying: each entry needs a slot at least.
    private var mayFitAll: Bool {
        engine.estimatedEntryCount <= share.room / KeyValueTable.slotByteCount
    }

    /// Brings the keys in that the table does not know, with one look-up for all of them: for keys
    /// that are about to be asked for. One that cannot be read stays unknown, and whoever asks for
    /// it meets the failure in its place.
    public func bring(_ keys: [UnsafeRawBufferPointer]) {
        let unknown = keys.filter { isUnknown($0) && $0.count <= KeyValueTable.keyByteLimit }
        guard !unknown.isEmpty else { return }
        hasMissed = true
        var isReadable = true
        do throws(StoreError) {
            try unknown.withUnsafeBufferPointer { unknown throws(StoreError) in
                try engine.get(all: unknown) { place, stored in
                    if !enterStored(unknown[place], stored) { isReadable = false }
                }
            }
        } catch { isReadable = false }
        guard isReadable else { return }
        for key in unknown where isUnknown(key) { _ = enter(key, hash: KeyHash.hash(key)) }
    }

    private func isUnknown(_ key: UnsafeRawBufferPointer) -> Bool {
        table.pointee.find(key, hash: KeyHash.hash(key)) == nil
    }

    /// Enters what the engine has of a key; false if that is no stored value.
    private func enterStored(
        _ key: UnsafeRawBufferPointer,
        _ stored: UnsafeRawBufferPointer
    ) -> Bool {
        guard let (timestamp, value) = StoredValue.read(stored) else { return false }
        if isUnknown(key) {
            let slot = enter(key, hash: KeyHash.hash(key))
            table.pointee.setClean(slot, value: value, timestamp: timestamp)
        }
        return true
    }
}
