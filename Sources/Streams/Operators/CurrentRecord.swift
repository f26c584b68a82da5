public import LogModel

/// The timestamp and headers of a record, to read and to set, and where it comes from: what an
/// operator whose name ends in `WithRecord` gives its closure beside key and value.
///
///     orders.mapValuesWithRecord { (_: String, order: Order, record: CurrentRecord) -> Order in
///         record.headers.append(.init("checked-by", "rules-7"))
///         return order
///     }
///
/// What is set goes with the operator's results, through what follows up to the topic; other
/// operators behind the same stream see the record as it was. It is that of the record in hand: of
/// use until the closure returns.
public final class CurrentRecord {
    @usableFromInline let context: UnsafeMutablePointer<RecordContext>
    /// Keeps the pointer alive.
    private let task: TaskBinding
    private let scratch = KeyScratch()

    @usableFromInline
    init(_ task: TaskBinding) {
        self.task = task
        context = task.record
    }

    /// The record's time; what is made of it has it. One before 1970 that is set is an error of
    /// the operator.
    public var timestamp: Timestamp {
        get { context.pointee.timestamp }
        set { context.pointee.timestamp = newValue }
    }

    /// The record's headers; what is made of it has them. Reading them copies them.
    public var headers: RecordHeaders {
        get { RecordHeaders(context.pointee.headers) }
        set { context.pointee.headers = newValue.write(to: &scratch.sink.pointee) }
    }

    /// The partition that the record was read from.
    public var partition: PartitionIndex { context.pointee.partition }

    /// The record's offset in the topic that it was read from.
    public var offset: Offset { context.pointee.offset }

    /// The clock of the machine at the beginning of the task's turn.
    public var wallTime: Timestamp { context.pointee.wallTime }

    /// Gives what `body` makes of the record in hand to `handOn`, with the time and the headers
    /// that it sets; then they are what they were.
    @inlinable
    func lend<Result>(
        _ site: ErrorSite,
        _ body: () throws -> Result,
        _ handOn: (Result) throws -> Void
    ) throws {
        let (ownTime, ownHeaders) = (context.pointee.timestamp, context.pointee.headers)
        defer {
            context.pointee.timestamp = ownTime
            context.pointee.headers = ownHeaders
        }
        let result = try site.attempt {
            let result = try body()
            let time = context.pointee.timestamp
            guard time.rawValue >= 0 || time == ownTime else {
                throw ProcessorState.negativeTime(time)
            }
            return result
        }
        if let result { try handOn(result) }
    }
}
