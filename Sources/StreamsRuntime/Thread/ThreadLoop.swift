import LogClient
import Streams

/// Steps one stream thread until it is stopped, waiting for the log when there is nothing to do.
///
/// SAFETY: `@unchecked` because a `StreamThread` is not Sendable; a loop is run by one thread, and
/// nobody else touches its stream thread until `run()` has returned and was joined.
final class ThreadLoop: @unchecked Sendable {
    private let thread: StreamThread
    private let client: any LogClient
    private let stopSwitch: StopSwitch
    private let monitor: CatchUpMonitor?
    private let progress: [ThreadProgress]
    /// Whether what is processed is committed as soon as there is no more: others may wait for it.
    private let commitsWhenIdle: Bool
    private let fail: @Sendable (StreamsError) -> Void

    /// The longest wait before the stop switch is looked at again.
    private static let longestWait = Duration.milliseconds(20)

    init(
        thread: StreamThread,
        client: any LogClient,
        stopSwitch: StopSwitch,
        monitor: CatchUpMonitor?,
        progress: [ThreadProgress],
        commitsWhenIdle: Bool,
        fail: @escaping @Sendable (StreamsError) -> Void
    ) {
        self.thread = thread
        self.client = client
        self.stopSwitch = stopSwitch
        self.monitor = monitor
        self.progress = progress
        self.commitsWhenIdle = commitsWhenIdle
        self.fail = fail
    }

    func run() {
        var signal: UInt64 = 0
        while !stopSwitch.isRequested {
            switch thread.step() {
            case .worked: continue
            case .idle:
                do throws(StreamsError) {
                    if commitsWhenIdle, try thread.commit() { continue }
                } catch { return fail(error) }
            case .stopped(let error): return fail(error)
            }
            do {
                if try monitor?.isCaughtUp(progress.map(\.snapshot)) == true {
                    return stopSwitch.request()
                }
            } catch { return fail(StreamsError(ofLog: error)) }
            signal = client.waitForChange(since: signal, timeout: Self.longestWait)
        }
    }
}
