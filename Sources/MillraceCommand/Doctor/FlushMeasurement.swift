import Glibc
import LogModel

/// How long it takes in a folder until written bytes are on disk.
///
/// The file has no name once it is open, so that nothing of it is left whatever happens.
struct FlushMeasurement: Equatable {
    /// Half of the flushes took no longer.
    let median: Duration
    let count: Int

    private static let roundCount = 32
    private static let byteCount = 4096
    private static let patience = Duration.seconds(2)

    /// Writes and flushes 4 KiB, again and again for two seconds at most.
    ///
    /// - Throws: `FlushFailure` where nothing can be written there.
    static func run(in folder: String) throws(FlushFailure) -> FlushMeasurement {
        var template = Array("\(folder)/doctor-XXXXXX".utf8CString)
        let descriptor = mkstemp(&template)
        guard descriptor >= 0 else { throw FlushFailure() }
        defer { close(descriptor) }
        guard unlink(template) == 0 else { throw FlushFailure() }
        let block = [UInt8](repeating: 0x6D, count: byteCount)
        var times: [Duration] = []
        let clock = ContinuousClock()
        let begin = clock.now
        for round in 0..<roundCount {
            // The first ones make the file grow, as segments do; all of them are counted.
            guard pwrite(descriptor, block, byteCount, off_t(round * byteCount)) == byteCount else {
                throw FlushFailure()
            }
            let start = clock.now
            guard fdatasync(descriptor) == 0 else { throw FlushFailure() }
            times.append(clock.now - start)
            if clock.now - begin > patience { break }
        }
        return FlushMeasurement(median: times.sorted()[times.count / 2], count: times.count)
    }
}

/// What the operating system says of its last refusal.
struct FlushFailure: Error, Equatable {
    let reason = String(cString: strerror(errno))
}
