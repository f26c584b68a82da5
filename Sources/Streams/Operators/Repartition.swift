extension KeyedStream {
    /// Sends every record through a topic of the job, `<job>-<name>-repartition`, to the partition
    /// of its key, in the same transaction; behind it, state can be kept by that key. A record
    /// with a null key keeps the number of its partition; one whose value is null too is left out,
    /// as Kafka Streams does.
    ///
    /// - Parameters:
    ///   - name: names the topic; mandatory, for it holds records across restarts.
    ///   - partitions: how many; as many as the widest source of the job if nil.
    @inlinable
    public func repartition<KeySerde: Serde, ValueSerde: Serde>(
        _ name: String,
        key: KeySerde,
        value: ValueSerde,
        partitions: Int32? = nil
    ) -> Stream<Key, Value> where KeySerde.Value == Key, ValueSerde.Value == Value {
        let write = node.writing(
            kind: .repartitionSink(
                via: name,
                format: RecordFormat("record", key, value),
                partitionCount: partitions
            ),
            key: key,
            value: value,
            leavesOutEmpty: true
        ) { task in task.repartitionTarget(via: name) }
        let read: StreamNode<Key, Value> = .source(
            kind: .repartitionSource(via: name),
            key: key,
            value: value
        )
        read.upstreamSink = write
        return Stream(node: read)
    }

    /// `repartition` with the serdes that key and value have by default.
    @inlinable
    public func repartition(_ name: String, partitions: Int32? = nil) -> Stream<Key, Value>
    where Key: DefaultSerde, Value: DefaultSerde {
        repartition(
            name,
            key: Key.defaultSerde,
            value: Value.defaultSerde,
            partitions: partitions
        )
    }

    /// `repartition` with the serde that the value has by default.
    @inlinable
    public func repartition<KeySerde: Serde>(
        _ name: String,
        key: KeySerde,
        partitions: Int32? = nil
    ) -> Stream<Key, Value> where KeySerde.Value == Key, Value: DefaultSerde {
        repartition(name, key: key, value: Value.defaultSerde, partitions: partitions)
    }
}
