import DirectoryAccess
import Glibc
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
    let form: InputForm
    /// What ends a line.
    let delimiter: [UInt8]
    /// Where all records go; nil for where they say, or their keys send them.
    let partition: Int?
    /// Headers of every record, behind its own.
    let headers: [KeyValueArgument]
    let linger: Duration
    /// What a record may take in the topic.
    let room: RecordRoom
    let signals: SignalListener
    private let time = SystemTimeSource()
    /// The inputs so far, each with the number of records before it.
    private var begun: [(name: String, before: Int)] = []
    private var inputCount = 0
    private var json = RecordJSONReader()
    /// Nil where nothing goes by the records' times.
    private(set) var oldRecords: OldRecords?

    init(
        producer: IdempotentProducer,
        form: InputForm,
        delimiter: [UInt8],
        partition: Int?,
        headers: [KeyValueArgument],
        linger: Duration,
        room: RecordRoom,
        oldRecords: OldRecords?,
        signals: SignalListener
    ) {
        self.oldRecords = oldRecords
        self.producer = producer
        self.form = form
        self.delimiter = delimiter
        self.partition = partition
        self.headers = headers
        self.linger = linger
        self.room = room
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

    private mutating func send(
        _ descriptor: Int32,
        _ name: String,
        _ bar: inout ProgressBar
    ) throws {
        let input = InputWait(descriptor: descriptor, interrupt: signals.descriptor)
        var lines = LineReader(
            descriptor: descriptor,
            name: name,
            end: end,
            lineByteLimit: lineByteLimit,
            room: room
        )
        // When the oldest record that is not settled was read, as far as it matters.
        var begin: UInt64?
        while true {
            switch form {
            case .text(let shape): try addLines(of: &lines, name, shape.parts, &bar)
            case .lengthPrefixed:
                try addLines(of: &lines, name, LengthPrefixedRecord.parts, &bar)
            case .json(let ignoresPartitions):
                try addJSON(of: &lines, name, ignoresPartitions, &bar)
            }
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

    /// In JSON a byte takes six characters at most.
    private var lineByteLimit: Int {
        switch form {
        case .text, .lengthPrefixed: room.byteCount
        case .json: room.byteCount * 6 + (64 << 10)
        }
    }

    private var end: LineReader.End {
        switch form {
        case .text, .json: .delimiter(delimiter)
        case .lengthPrefixed: .lengths
        }
    }

    /// Adds the whole lines that were read.
    private func addLines(
        of lines: inout LineReader,
        _ name: String,
        _ parts: (UnsafeRawBufferPointer) -> (
            key: UnsafeRawBufferPointer?, value: UnsafeRawBufferPointer?
        ),
        _ bar: inout ProgressBar
    ) throws {
        try block(RecordHeaderBlock()).withBytes { block in
            Result {
                while let line = try lines.next() {
                    let (key, value) = parts(line)
                    try producer.add(
                        key: key,
                        value: value,
                        headers: headers.isEmpty ? nil : block,
                        to: partition,
                        at: time.wallTime(),
                        from: InputPlace(unit: form.unit, number: lines.lineCount, input: name)
                    )
                    show(&bar)
                }
            }
        }.get()
    }

    /// Adds the records of the whole lines that were read.
    private mutating func addJSON(
        of lines: inout LineReader,
        _ name: String,
        _ ignoresPartitions: Bool,
        _ bar: inout ProgressBar
    ) throws {
        while let line = try lines.next() {
            let number = lines.lineCount
            let text = number == 1 ? try ByteOrderMark.drop(from: line, of: name) : line
            // An input of nothing but the mark is empty.
            if text.isEmpty, text.count < line.count { continue }
            do { try json.read(text) } catch {
                throw CommandFailure(
                    "a line is no record",
                    place: Self.place(number, name),
                    reason: "\(error)"
                )
            }
            let chosen = partition ?? (ignoresPartitions ? nil : json.partition.map { Int($0) })
            if let chosen, chosen >= producer.partitionCount {
                throw CommandFailure(
                    "the topic has no partition \(chosen)",
                    place: Self.place(number, name),
                    reason: "it has \(producer.partitionCount), counted from 0",
                    next: "--ignore-partitions, which lets keys choose"
                )
            }
            try addRead(to: chosen, number, name)
            if let time = json.timestamp { oldRecords?.note(time) }
            show(&bar)
        }
    }

    private static func place(_ line: Int, _ name: String) -> String {
        "line \(grouped(line)) of \(name)"
    }

    /// Adds the record that was read last.
    private func addRead(to partition: Int?, _ line: Int, _ name: String) throws {
        let headers = block(json.headers)
        try headers.withBytes { block in
            Result { try addRead(headers.count > 0 ? block : nil, to: partition, line, name) }
        }.get()
    }

    private func addRead(
        _ headers: UnsafeRawBufferPointer?,
        to partition: Int?,
        _ line: Int,
        _ name: String
    ) throws {
        try json.key.withBytes { key in
            try json.value.withBytes { value in
                try producer.add(
                    key: key,
                    value: value,
                    headers: headers,
                    to: partition,
                    at: json.timestamp ?? time.wallTime(),
                    from: InputPlace(unit: form.unit, number: line, input: name)
                )
            }
        }
    }

    /// A record's own headers with those that every record has behind them.
    private func block(_ own: RecordHeaderBlock) -> RecordHeaderBlock {
        var block = own
        for pair in headers {
            var value = pair.value
            value.withUTF8 { block.append(key: pair.key, value: UnsafeRawBufferPointer($0)) }
        }
        return block
    }

    private func show(_ bar: inout ProgressBar) {
        guard producer.addedCount % 1024 == 0 else { return }
        bar.update(done: producer.appendedCount, total: nil)
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
                "which \(form.unit)s of the input are in the topic is not certain: \(error.what)"
                + (error.reason.map { ", \($0)" } ?? "")
        }
        failure.reason = failure.reason.map { "\($0); \(kept)" } ?? kept
        if producer.appendedCount > 0 || producer.uncertainCount > 0 {
            failure.next = failure.next.map { nextWithoutRepeating($0) }
        }
        return failure
    }

    /// What is in the topic would be there twice if the command was given again as it was.
    private func nextWithoutRepeating(_ next: String) -> String {
        let isBegin =
            producer.uncertainCount == 0 && producer.appendedCount == producer.leadingCount
        for end in CommandFailure.repeatingEnds where next.hasSuffix(end) {
            return next.dropLast(end.count)
                + (isBegin
                    ? ", then give what follows in the input"
                    : "; given again, what is in the topic would be there twice")
        }
        return next
    }

    /// Which lines are in the topic, as far as that can be said by numbers.
    private var kept: String {
        let count = producer.appendedCount
        let leading = producer.leadingCount
        let isCertain = producer.uncertainCount == 0
        let end = isCertain ? ", and no more" : ""
        if count == 0 {
            return isCertain
                ? "no \(form.unit) of the input is in the topic"
                : "no \(form.unit) of the input is known to be in the topic"
        }
        guard count > leading else {
            let place = place(of: leading).map { " (up to \($0))" } ?? ""
            return count == 1
                ? "the first \(form.unit) of the input\(place) is in the topic\(end)"
                : "the first \(grouped(count)) \(form.unit)s of the input\(place) are in the "
                    + "topic\(end)"
        }
        let some =
            "\(counted(count, "record")) of the input \(count == 1 ? "is" : "are") in the topic"
        guard leading > 0 else {
            return isCertain ? "\(some); its first \(form.unit) is not" : some
        }
        let place = place(of: leading).map { " (\($0))" } ?? ""
        let last = "\(form.unit) \(grouped(leading))\(place)"
        return "\(some); every \(form.unit) up to \(last) is among them"
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
        return "\(form.unit) \(grouped(line - input.before)) of \(input.name)"
    }
}
