extension KeyedStream {
    /// Gives every record to a processor of one's own, which hands on what it likes.
    ///
    ///     stream(Topics.orders).process(stores: [Stores.open]) { stores -> Reminders in
    ///         try Reminders(stores)
    ///     }
    ///
    /// - Parameters:
    ///   - stores: those that it uses; several processors may share one.
    ///   - make: makes the processor of a task, at a start and after an abort.
    @inlinable
    public func process<P: Processor>(
        stores: [any StoreDefinition] = [],
        _ make: @escaping @Sendable (TaskStores) throws -> P
    ) -> RekeyedStream<P.OutKey, P.OutValue> where P.InKey == Key, P.InValue == Value {
        RekeyedStream(node: processing("process", stores, make))
    }

    /// `process` with several outputs, which `forward(_:_:to:)` tells apart by name.
    ///
    ///     let parts = orders.process(children: ["rush", "normal"]) { _ -> Sorter in Sorter() }
    ///     parts["rush"].to(Topics.rush)
    @inlinable
    public func process<P: Processor>(
        children: [String],
        stores: [any StoreDefinition] = [],
        _ make: @escaping @Sendable (TaskStores) throws -> P
    ) -> ProcessedStreams<P.OutKey, P.OutValue> where P.InKey == Key, P.InValue == Value {
        let upstream = node
        let processor = StreamNode<Never, Never>(
            kind: Self.kind("process", stores),
            parents: [upstream]
        )
        let outputs = children.map { name in
            StreamNode<P.OutKey, P.OutValue>(
                kind: .stateless("child \(name)"),
                parents: [processor]
            )
        }
        processor.attach = { [unowned processor, outputs] in
            upstream.feed(processor) { task in
                let runtime = ProcessorRuntime(
                    task,
                    ErrorSite(task.errors, node: processor.number),
                    stores: stores,
                    sinks: outputs.map { $0.bindConsumers(task) },
                    children: children,
                    make
                )
                return { key, value in try runtime.receive(key, value) }
            }
        }
        for output in outputs {
            output.policyRefusal =
                "a child of a processor does nothing that can fail: .onError(…) belongs behind "
                + "process(children:…), in front of the child's name"
        }
        return ProcessedStreams(names: children, nodes: outputs, processor: processor)
    }

    /// `process` for a processor that leaves the keys alone: what follows may keep state by them.
    @inlinable
    public func processValues<P: ValueProcessor>(
        stores: [any StoreDefinition] = [],
        _ make: @escaping @Sendable (TaskStores) throws -> P
    ) -> KeyedStream<Key, P.Result, Placement> where P.Key == Key, P.Value == Value {
        KeyedStream<Key, P.Result, Placement>(
            node: processing("processValues", stores) { stores -> ValueProcessorAdapter<P> in
                ValueProcessorAdapter(try make(stores))
            }
        )
    }

    @inlinable
    func processing<P: Processor>(
        _ word: String,
        _ stores: [any StoreDefinition],
        _ make: @escaping @Sendable (TaskStores) throws -> P
    ) -> StreamNode<P.OutKey, P.OutValue> where P.InKey == Key, P.InValue == Value {
        let upstream = node
        let processor = StreamNode<P.OutKey, P.OutValue>(
            kind: Self.kind(word, stores),
            parents: [upstream]
        )
        processor.attach = { [unowned processor] in
            upstream.feed(processor) { task in
                let runtime = ProcessorRuntime(
                    task,
                    ErrorSite(task.errors, node: processor.number),
                    stores: stores,
                    sinks: [processor.bindConsumers(task)],
                    children: [],
                    make
                )
                return { key, value in try runtime.receive(key, value) }
            }
        }
        return processor
    }

    @usableFromInline
    static func kind(_ word: String, _ stores: [any StoreDefinition]) -> OperatorKind {
        stores.isEmpty ? .stateless(word) : .stateful(word, stores: stores.map(\.specification))
    }
}

/// The outputs of a processor, by name.
public struct ProcessedStreams<Key, Value> {
    private let names: [String]
    private let nodes: [StreamNode<Key, Value>]
    private let processor: AnyNode

    @usableFromInline
    init(names: [String], nodes: [StreamNode<Key, Value>], processor: AnyNode) {
        requireDeclared(
            Set(names).count == names.count,
            "two children of a processor have one name: \(names)"
        )
        self.names = names
        self.nodes = nodes
        self.processor = processor
    }

    /// Says what becomes of records that the processor cannot handle.
    public func onError(_ policy: ErrorPolicy) -> ProcessedStreams {
        processor.errorPolicy = policy
        return self
    }

    /// The records that went to a child.
    public subscript(name: String) -> RekeyedStream<Key, Value> {
        guard let index = names.firstIndex(of: name) else {
            fatalError("the processor has no child \"\(name)\"")
        }
        return RekeyedStream(node: nodes[index])
    }
}
