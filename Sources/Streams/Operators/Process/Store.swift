/// A store that a processor uses, declared once: its name, the form of its entries and how they are
/// written. Processors that name the same store share it.
///
///     enum Stores {
///         static let counts = Store.keyValue("counts", key: .utf8, value: .int64)
///         static let seen = Store.window(
///             "seen", key: .utf8, value: .int64, size: .seconds(60), retention: .seconds(120))
///     }
public struct Store<Handle: AnyObject>: StoreDefinition {
    /// The store's name and kind.
    public private(set) var specification: StoreSpecification
    private let make: @Sendable (TaskBinding, StoreSpecification) -> Handle

    @usableFromInline
    init(
        _ name: String,
        _ kind: StoreSpecification.Kind,
        _ format: RecordFormat,
        _ make: @escaping @Sendable (TaskBinding, StoreSpecification) -> Handle
    ) {
        self.init(StoreSpecification(name, kind, format), make)
    }

    @usableFromInline
    init(
        _ specification: StoreSpecification,
        _ make: @escaping @Sendable (TaskBinding, StoreSpecification) -> Handle
    ) {
        self.specification = specification
        self.specification.isShared = true
        self.make = make
    }

    /// The same store kept in memory alone. A start reads its whole changelog, and its entries
    /// count for no limit of memory. Reads of several keys of a window or session store are in the
    /// order of time, then key, as in Kafka Streams' stores in memory.
    public var inMemory: Store {
        var store = self
        store.specification.isInMemory = true
        return store
    }

    /// The task's one handle of the store.
    public func opened(in task: TaskBinding) -> AnyObject {
        task.openedStore(named: specification.name) { make(task, specification) }
    }
}

/// A declared store of any kind.
public protocol StoreDefinition: Sendable {
    /// The store's name and kind.
    var specification: StoreSpecification { get }
    /// The task's one handle of the store.
    func opened(in task: TaskBinding) -> AnyObject
}

/// The stores that a processor was given, in one task.
public struct TaskStores {
    private let handles: [String: AnyObject]

    @usableFromInline
    init(_ definitions: [any StoreDefinition], in task: TaskBinding) {
        var handles: [String: AnyObject] = [:]
        for definition in definitions {
            handles[definition.specification.name] = definition.opened(in: task)
        }
        self.handles = handles
    }

    /// The handle of a store. It is the task's: keep it in the processor, nowhere else.
    ///
    /// - Throws: `ProcessorError` for a store that the processor was not given, or that another one
    ///   declares in another form.
    public func open<Handle>(_ store: Store<Handle>) throws -> Handle {
        let name = store.specification.name
        guard let handle = handles[name] else {
            throw ProcessorError(
                "the store \"\(name)\" was not given to this processor: name it in stores:"
            )
        }
        guard let typed = handle as? Handle else {
            throw ProcessorError(
                "the store \"\(name)\" is declared twice, with different kinds, keys or values"
            )
        }
        return typed
    }
}

/// What a processor did that cannot be.
public struct ProcessorError: Error, Equatable, CustomStringConvertible, Sendable {
    /// What is wrong and what to do.
    public let description: String

    @usableFromInline
    init(_ description: String) { self.description = description }
}

/// Room for the bounds of range reads, which may be under way one inside the other.
@usableFromInline
final class ScratchPool {
    private var free: [KeyScratch] = []

    @usableFromInline
    init() {}

    /// Lends two empty sinks.
    @usableFromInline
    func withBounds<Result>(
        _ body: (_ from: KeyScratch, _ to: KeyScratch) throws -> Result
    ) rethrows -> Result {
        let from = free.popLast() ?? KeyScratch()
        let to = free.popLast() ?? KeyScratch()
        from.sink.pointee.removeAll()
        to.sink.pointee.removeAll()
        defer {
            free.append(from)
            free.append(to)
        }
        return try body(from, to)
    }
}
