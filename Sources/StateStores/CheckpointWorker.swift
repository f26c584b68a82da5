import Glibc
import Synchronization

/// Runs checkpoints one after the other: on a thread of its own, or at once in the caller's,
/// which simulations use.
public final class CheckpointWorker: Sendable {
    private struct State {
        var jobs: [@Sendable () -> Void] = []
        var isClosed = false
    }

    private let condition = ConditionLock(State())
    private let thread: OwnedWorkerThread?

    /// A worker with a thread, or one that does everything at once.
    public init(inline: Bool) {
        let condition = condition
        thread =
            inline
            ? nil
            : OwnedWorkerThread {
                while let job = Self.nextJob(condition) { job() }
            }
    }

    /// Runs `job` after those before it.
    func submit(_ job: @escaping @Sendable () -> Void) {
        guard thread != nil else { return job() }
        condition.withLock { $0.jobs.append(job) }
        condition.signal()
    }

    /// Finishes what was submitted and ends the thread.
    public func close() {
        condition.withLock { $0.isClosed = true }
        condition.signal()
        thread?.join()
    }

    private static func nextJob(_ condition: ConditionLock<State>) -> (@Sendable () -> Void)? {
        condition.waitAndTake { state in
            if !state.jobs.isEmpty { return .some(state.jobs.removeFirst()) }
            return state.isClosed ? .some(nil) : .none
        }
    }
}

/// A value behind a lock that threads can wait on.
///
/// SAFETY: `@unchecked` because the value lies behind a pointer; every access holds the mutex.
final class ConditionLock<Value>: @unchecked Sendable {
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let condition: UnsafeMutablePointer<pthread_cond_t>
    private let value: UnsafeMutablePointer<Value>

    init(_ initial: Value) {
        mutex = .allocate(capacity: 1)
        mutex.initialize(to: pthread_mutex_t())
        pthread_mutex_init(mutex, nil)
        condition = .allocate(capacity: 1)
        condition.initialize(to: pthread_cond_t())
        pthread_cond_init(condition, nil)
        value = .allocate(capacity: 1)
        value.initialize(to: initial)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
        value.deinitialize(count: 1)
        value.deallocate()
    }

    func withLock<Result>(_ body: (inout Value) -> Result) -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return body(&value.pointee)
    }

    /// Wakes every waiting thread.
    func signal() { pthread_cond_broadcast(condition) }

    /// Waits until `take` has something to give.
    func waitAndTake<Result>(_ take: (inout Value) -> Result?) -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while true {
            if let result = take(&value.pointee) { return result }
            pthread_cond_wait(condition, mutex)
        }
    }
}

/// A thread of the operating system that its owner joins.
final class OwnedWorkerThread: Sendable {
    private final class Box: Sendable {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }

    private let handle = Mutex<pthread_t?>(nil)

    init(_ body: @escaping @Sendable () -> Void) {
        let box = Unmanaged.passRetained(Box(body)).toOpaque()
        var thread = pthread_t()
        let result = pthread_create(
            &thread, nil,
            { argument in
                guard let argument else { return nil }
                // SAFETY: the pointer is the box retained above, released exactly here.
                Unmanaged<Box>.fromOpaque(argument).takeRetainedValue().body()
                return nil
            }, box)
        precondition(result == 0, "the system starts no more threads (error \(result))")
        handle.withLock { $0 = thread }
    }

    func join() {
        let thread = handle.withLock { handle in
            defer { handle = nil }
            return handle
        }
        if let thread { pthread_join(thread, nil) }
    }
}
