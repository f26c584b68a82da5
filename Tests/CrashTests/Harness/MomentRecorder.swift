import MillraceTestKit
import Threads

/// A step of a workload at which the power may go: the disk before it, and what the test knew.
struct CrashMoment<Oracle: Sendable>: Sendable {
    var description: String
    var disk: SimulatedDisk
    /// The stores beside the log, where the workload has some.
    var stores: SimulatedStores?
    var oracle: Oracle
}

/// Runs along with a workload and keeps a moment for each changing call of its disk (and stores).
/// The oracle is the test's knowledge: told before a call what it may do, after it what was acked.
final class MomentRecorder<Oracle: Sendable>: Sendable {
    private struct State {
        var oracle: Oracle
        var moments: [CrashMoment<Oracle>] = []
    }

    private let state: Lock<State>
    let disk: SimulatedDisk
    let stores: SimulatedStores?

    init(disk: SimulatedDisk, stores: SimulatedStores? = nil, oracle: Oracle) {
        self.disk = disk
        self.stores = stores
        state = Lock(State(oracle: oracle))
        disk.onOperation { [unowned self] operation, number, path in
            keepMoment("before \(operation.rawValue) \(number) of \(path)")
        }
        stores?.onOperation { [unowned self] path in
            keepMoment("checkpoint of \(path)")
        }
    }

    var oracle: Oracle { state.withLock { $0.oracle } }

    func update(_ body: (inout Oracle) -> Void) {
        state.withLock { body(&$0.oracle) }
    }

    /// Drops the moments so far: what was done until now is no part of the workload.
    func forget() {
        state.withLock { $0.moments = [] }
    }

    /// Ends the recording with the moment after the last call; gives the moments in order.
    func finish() -> [CrashMoment<Oracle>] {
        keepMoment("at the end")
        disk.onOperation(nil)
        stores?.onOperation(nil)
        return state.withLock { $0.moments }
    }

    private func keepMoment(_ description: String) {
        let disk = disk.copy()
        let stores = stores?.copy()
        state.withLock { state in
            state.moments.append(
                CrashMoment(
                    description: description,
                    disk: disk,
                    stores: stores,
                    oracle: state.oracle
                )
            )
        }
    }
}
