import Threads

/// Runs asynchronous code on the thread of a task: pieces of it that are ready wait here until the
/// thread comes by. Any thread may bring one.
@usableFromInline
final class CallQueue: TaskExecutor {
    private let ready = ConditionLock<[UnownedJob]>([])

    /// The longest wait before whoever waits looks whether the job is to stop.
    static let longestWaitMilliseconds = 20

    @usableFromInline
    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        ready.update { $0.append(job) }
    }

    /// Runs what is ready and what that makes ready, not for ever: a call may never wait.
    func runReady() {
        for _ in 0..<Self.roundLimit {
            let jobs = ready.withLock { jobs in
                defer { jobs = [] }
                return jobs
            }
            guard !jobs.isEmpty else { return }
            run(jobs)
        }
    }

    /// Waits a moment for something that is ready, and runs it; false if there was nothing.
    func waitAndRun() -> Bool {
        let longest = Duration.milliseconds(Self.longestWaitMilliseconds)
        let jobs = ready.wait(atMost: longest) { jobs -> [UnownedJob]? in
            guard !jobs.isEmpty else { return nil }
            defer { jobs = [] }
            return jobs
        }
        guard let jobs else { return false }
        run(jobs)
        return true
    }

    private static let roundLimit = 64

    private func run(_ jobs: [UnownedJob]) {
        let executor = asUnownedTaskExecutor()
        for job in jobs { job.runSynchronously(on: executor) }
    }
}
