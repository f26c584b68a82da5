package import LogModel
package import StateStores
import Threads

/// The stores of a simulated machine: one sorted image each, replaced as a whole by a checkpoint.
/// A power loss during a checkpoint leaves the old image or the new one; after it, the new one.
package final class SimulatedStores: StoreEngineFactory {
    typealias Bytes = [UInt8]

    /// What one store holds.
    struct Image: Sendable, Equatable {
        /// Ascending by key.
        var entries: [(key: Bytes, value: Bytes)] = []
        var changelogOffset: Offset?
        var changelog: FollowedChangelog?

        static func == (left: Image, right: Image) -> Bool {
            left.changelogOffset == right.changelogOffset && left.changelog == right.changelog
                && left.entries.elementsEqual(right.entries) { $0 == $1 }
        }
    }

    struct Store: Sendable {
        var durable = Image()
        /// The image of a checkpoint that is under way.
        var pending: Image?
    }

    struct State: Sendable {
        var stores: [String: Store] = [:]
        var open: Set<String> = []
        var failingCheckpoints = 0
        var wipes = 0
    }

    /// Runs before a checkpoint begins, before it is durable, and before a wipe.
    package typealias Observer = @Sendable (_ path: String) -> Void

    let state: Lock<State>
    private struct Watch: Sendable {
        var observer: Observer?
    }

    private let watch = Lock(Watch())

    package init() {
        state = Lock(State())
    }

    private init(_ state: State) {
        self.state = Lock(state)
    }

    package func open(path: String) throws(StoreError) -> any StoreEngine {
        let isFree = state.withLock { state in
            guard state.open.insert(path).inserted else { return false }
            if state.stores[path] == nil { state.stores[path] = Store() }
            return true
        }
        guard isFree else {
            throw StoreError(code: .inUse, path: path, message: "the store is open already")
        }
        return SimulatedStoreEngine(stores: self, path: path)
    }

    // MARK: - What a test does to them

    package func onOperation(_ observer: Observer?) {
        watch.withLock { $0.observer = observer }
    }

    /// Fails the next checkpoints, which then have not happened.
    package func failCheckpoints(_ count: Int) {
        state.withLock { $0.failingCheckpoints = count }
    }

    /// How often a store was wiped: a crash is no reason for it.
    package var wipeCount: Int { state.withLock { $0.wipes } }

    /// The paths of the stores, sorted.
    package var paths: [String] { state.withLock { $0.stores.keys.sorted() } }

    /// The durable contents of a store, ascending by key.
    package func contents(of path: String) -> (entries: [(key: [UInt8], value: [UInt8])], Offset?) {
        state.withLock { state in
            let image = state.stores[path]?.durable ?? Image()
            return (image.entries, image.changelogOffset)
        }
    }

    /// The same stores, none of them open.
    package func copy() -> SimulatedStores {
        var copied = state.withLock { $0 }
        copied.open = []
        return SimulatedStores(copied)
    }

    /// The stores as a machine finds them that lost its power now: each checkpoint that was under
    /// way has happened or not, by `generator`.
    package func crashState(using generator: inout SeededGenerator) -> SimulatedStores {
        var after = state.withLock { $0 }
        after.open = []
        for path in after.stores.keys.sorted() {
            if let pending = after.stores[path]?.pending, generator.oneIn(2) {
                after.stores[path]?.durable = pending
            }
            after.stores[path]?.pending = nil
        }
        return SimulatedStores(after)
    }

    /// The disk that held the stores was lost.
    package func wipedOut() -> SimulatedStores { SimulatedStores() }

    /// The process that had them open died.
    package func releaseAll() {
        state.withLock { $0.open = [] }
    }

    func observe(_ path: String) {
        if let observer = watch.withLock({ $0.observer }) { observer(path) }
    }
}
