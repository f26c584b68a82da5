import Glibc
import JobRunner
import LogModel
import Terminal

/// Sends the lines of files to a topic, and says which of them are there where it does not come to
/// the end.
///
/// Input that comes without a pause goes to the log as batches fill, and is flushed at the end.
/// Where it pauses, what was read is appended and flushed once the linger is over. A signal is like
/// the end of the input, but for what the command says of it.
struct LineSender {
    let producer: IdempotentProducer
    /// What ends a line's key; empty for none.
    let separator: [UInt8]
    /// Where all records go; nil for where their keys send them.
    let partition: Int?
    let headers: RecordHeaderBlock
    let linger: Duration
    let lineByteLimit: Int
    /// The command that raises that limit; nil where it cannot be raised.
    let raising: String?
    let signals: SignalListener
    private let time = SystemTimeSource()
    /// The inputs so far, each with the number of records before it.
    private var begun: [(name: String, before: Int)] = []
    private var inputCount = 0

    init(
        producer: IdempotentProducer,
        separator: [UInt8],
        partition: Int?,
        headers: RecordHeaderBlock,
        linger: Duration,
        lineByteLimit: Int,
        raising: String?,
        signals: SignalListener
    ) {
        self.producer = producer
        self.separator = separator
        self.partition = partition
        self.headers = headers
        self.linger = linger
        self.lineByteLimit = lineByteLimit
        self.raising = raising
        self.signals = signals
    }

    /// Sends every line of the files and makes it durable; `-` is standard input.
    mutating func send(_ paths: [String]) throws {
        inputCount = paths.count
        var bar = ProgressBar("producing")
        let work = Result {
            for path in paths { try send(path, &bar) }
            try producer.finish()
        }
        bar.finish()
        try work.get()
    }

    private mutating func send(_ path: String, _ bar: inout ProgressBar) throws {
        var descriptor: Int32 = 0
        if path != "-" {
            // A pipe that nobody writes to yet is waited for like input, so that a signal is seen.
            descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
            guard descriptor >= 0 else { throw Folder.failure("open", path) }
            _ = fcntl(descriptor, F_SETFL, 0)
        }
        defer { if descriptor > 0 { close(descriptor) } }
        let name = path == "-" ? "standard input" : path
        begun.append((name, producer.addedCount))
        try send(descriptor, name, &bar)
    }

    private func send(_ descriptor: Int32, _ name: String, _ bar: inout ProgressBar) throws {
        let input = InputWait(descriptor: descriptor, interrupt: signals.descriptor)
        var lines = LineReader(
            descriptor: descriptor,
            name: name,
            lineByteLimit: lineByteLimit,
            raising: raising
        )
        // When the oldest record that is not settled was read, as far as it matters.
        var begin: UInt64?
        while true {
            try addLines(of: &lines, &bar)
            if lines.isAtEnd { return }
            let now = time.monotonicNanoseconds()
            begin = producer.isSettled ? nil : begin ?? now
            let left = begin.map { max(.zero, linger - .nanoseconds(Int64(now - $0))) }
            switch input.wait(atMost: left) {
            case .ready: try lines.fill()
            case .pause:
                try producer.finish()
                begin = nil
            case .stop: throw stopped(in: name)
            }
        }
    }

    /// Adds the whole lines that were read.
    private func addLines(of lines: inout LineReader, _ bar: inout ProgressBar) throws {
        try headers.withBytes { block in
            Result {
                while let line = try lines.next() {
                    let (key, value) = Self.split(line, at: separator)
                    try producer.add(
                        key: key,
                        value: value,
                        headers: headers.count > 0 ? block : nil,
                        to: partition,
                        at: time.wallTime()
                    )
                    if producer.addedCount % 1024 == 0 {
                        bar.update(done: producer.appendedCount, total: nil)
                    }
                }
            }
        }.get()
    }

    private func stopped(in name: String) -> CommandFailure {
        let status = signals.request ?? .failed
        let signal: String? =
            switch status {
            case .hangup: "SIGHUP"
            case .interrupt: "SIGINT"
            case .quit: "SIGQUIT"
            case .terminate: "SIGTERM"
            case .done, .failed, .found, .usage: nil
            }
        return CommandFailure("stopped by \(signal ?? "a signal")", place: name, status: status)
    }

    /// Keeps what was read before `failure`, and says with it what is certain of the input's lines.
    func keep(after failure: CommandFailure) -> CommandFailure {
        var failure = failure
        let kept: String
        do throws(CommandFailure) {
            try producer.keep()
            kept = self.kept + uncertain
        } catch {
            kept =
                "which lines of the input are in the topic is not certain: \(error.what)"
                + (error.reason.map { ", \($0)" } ?? "")
        }
        failure.reason = failure.reason.map { "\($0); \(kept)" } ?? kept
        return failure
    }

    /// Which lines are in the topic, as far as that can be said by numbers.
    private var kept: String {
        let count = producer.appendedCount
        let leading = producer.leadingCount
        let isCertain = producer.uncertainCount == 0
        let end = isCertain ? ", and no more" : ""
        if count == 0 {
            return isCertain
                ? "no line of the input is in the topic"
                : "no line of the input is known to be in the topic"
        }
        guard count > leading else {
            let place = place(of: leading).map { " (up to \($0))" } ?? ""
            return count == 1
                ? "the first line of the input\(place) is in the topic\(end)"
                : "the first \(grouped(count)) lines of the input\(place) are in the topic\(end)"
        }
        let some =
            "\(counted(count, "record")) of the input \(count == 1 ? "is" : "are") in the topic"
        guard leading > 0 else { return isCertain ? "\(some); its first line is not" : some }
        let place = place(of: leading).map { " (\($0))" } ?? ""
        return "\(some); every line up to line \(grouped(leading))\(place) is among them"
    }

    /// What nobody can say: the log was sent it, and did not answer.
    private var uncertain: String {
        let count = producer.uncertainCount
        guard count > 0 else { return "" }
        return "; of \(counted(count, "more record")) it is not known whether "
            + (count == 1 ? "it is" : "they are: all of them or none")
    }

    /// Where a line lies, counted over all inputs from 1; nil where there is only one input.
    private func place(of line: Int) -> String? {
        guard inputCount > 1, let input = begun.last(where: { $0.before < line }) else {
            return nil
        }
        return "line \(grouped(line - input.before)) of \(input.name)"
    }

    /// Key and value of a line; no key without a separator in it.
    static func split(
        _ line: UnsafeRawBufferPointer,
        at separator: [UInt8]
    ) -> (key: UnsafeRawBufferPointer?, value: UnsafeRawBufferPointer) {
        guard let first = separator.first else { return (nil, line) }
        var start = 0
        while start + separator.count <= line.count, let base = line.baseAddress,
            let found = memchr(base + start, Int32(first), line.count - start)
        {
            let cut = UnsafeRawPointer(found) - base
            let rest = UnsafeRawBufferPointer(rebasing: line[cut...])
            if rest.starts(with: separator) {
                let value = UnsafeRawBufferPointer(rebasing: rest[separator.count...])
                return (UnsafeRawBufferPointer(rebasing: line[..<cut]), value)
            }
            start = cut + 1
        }
        return (nil, line)
    }
}
