public import LogModel

/// A processor in one task.
@usableFromInline
final class ProcessorRuntime<P: Processor> {
    @usableFromInline typealias Context = ProcessorContext<P.OutKey, P.OutValue>
    @usableFromInline typealias Sink = (P.OutKey, P.OutValue) throws -> Void

    /// The processor, where it has been made.
    @usableFromInline let processor: UnsafeMutablePointer<P>
    @usableFromInline let context: UnsafeMutablePointer<Context>
    @usableFromInline let state: ProcessorState
    @usableFromInline let record: UnsafeMutablePointer<RecordContext>
    @usableFromInline let make: () throws -> P
    @usableFromInline var isMade = false

    @inlinable
    init(
        _ task: TaskBinding,
        _ site: ErrorSite,
        stores: [any StoreDefinition],
        sinks: [Sink],
        children: [String],
        _ make: @escaping @Sendable (TaskStores) throws -> P
    ) {
        let opened = TaskStores(stores, in: task)
        self.make = { try make(opened) }
        let processor = UnsafeMutablePointer<P>.allocate(capacity: 1)
        let context = UnsafeMutablePointer<Context>.allocate(capacity: 1)
        state = ProcessorState(task) { timer, time in
            do { try processor.pointee.fire(timer, at: time, &context.pointee) } catch {
                try site.settle(error)
            }
        }
        let indices = Dictionary(
            children.enumerated().map { ($1, $0) },
            uniquingKeysWith: { first, _ in first }
        )
        context.initialize(to: Context(state: state, sinks: sinks, children: indices))
        self.processor = processor
        self.context = context
        record = task.record
        task.hooks.onRewind { [unowned self] in try restart() }
    }

    deinit {
        if isMade { processor.deinitialize(count: 1) }
        processor.deallocate()
        context.deinitialize(count: 1)
        context.deallocate()
    }

    /// Makes the processor anew and begins it.
    @usableFromInline
    func restart() throws {
        state.restart()
        if isMade { processor.deinitialize(count: 1) }
        isMade = false
        processor.initialize(to: try make())
        isMade = true
        try processor.pointee.start(&context.pointee)
    }

    @inlinable
    func receive(_ key: P.InKey, _ value: P.InValue) throws {
        let (time, headers) = (record.pointee.timestamp, record.pointee.headers)
        // Where it throws, too: the record goes on by other ways as it came.
        defer {
            record.pointee.timestamp = time
            record.pointee.headers = headers
        }
        state.begin(isProcessing: true)
        try processor.pointee.process(key, value, &context.pointee)
    }
}
