import LogModel

/// A v2 batch in the form of the golden files.
func batchJSON(_ batch: RecordBatchView, records: [JSON]) -> JSON {
    let attributes = batch.attributes
    return .object([
        "magic": .integer(2),
        "baseOffset": .integer(batch.baseOffset.rawValue),
        "batchLength": .integer(Int64(batch.byteCount - 12)),
        "partitionLeaderEpoch": .integer(Int64(batch.leaderEpoch.rawValue)),
        "crc": .integer(Int64(batch.storedChecksum)),
        "attributes": .integer(Int64(Int16(bitPattern: attributes.rawValue))),
        "codec": .string((try? batch.codec()).map { "\($0)" } ?? "unknown"),
        "timestampType": .string(attributes.isLogAppendTime ? "LogAppendTime" : "CreateTime"),
        "isTransactional": .boolean(attributes.isTransactional),
        "isControl": .boolean(attributes.isControl),
        "deleteHorizonMs": batch.deleteHorizon.map { .integer($0.rawValue) } ?? .null,
        "lastOffsetDelta": .integer(Int64(batch.lastOffsetDelta)),
        "baseTimestamp": .integer(batch.baseTimestamp.rawValue),
        "maxTimestamp": .integer(batch.maxTimestamp.rawValue),
        "producerId": .integer(batch.producerID.rawValue),
        "producerEpoch": .integer(Int64(batch.producerEpoch.rawValue)),
        "baseSequence": .integer(Int64(batch.baseSequence.rawValue)),
        "count": .integer(Int64(batch.recordCount)),
        "lastSequence": .integer(Int64(batch.lastSequence.rawValue)),
        "lastOffset": .integer(batch.lastOffset.rawValue),
        "nextOffset": .integer(batch.nextOffset.rawValue),
        "records": .array(records),
    ])
}

/// A record of a v2 batch in the form of the golden files.
func recordJSON(_ record: RecordView, of batch: RecordBatchView) -> JSON {
    var headers: [JSON] = []
    var iterator = RecordHeaderIterator(record.headers)
    while let header = iterator.next() {
        headers.append(.array([.string(header.key), .base64(header.value)]))
    }
    var members: [String: JSON] = [
        "offset": .integer(batch.offset(of: record).rawValue),
        "timestamp": .integer(batch.timestamp(of: record).rawValue),
        "timestampDelta": .integer(record.timestampDelta),
        "offsetDelta": .integer(Int64(record.offsetDelta)),
        "size": .integer(Int64(record.byteCount)),
        "key": .base64(record.key),
        "value": .base64(record.value),
        "headers": .array(headers),
    ]
    if batch.producerID.rawValue >= 0 {
        let sequence = batch.baseSequence.advanced(by: record.offsetDelta)
        members["sequence"] = .integer(Int64(sequence.rawValue))
    }
    return .object(members)
}

/// A message set v0 or v1, one entry of it, in the form of the golden files.
func legacyJSON(
    _ outer: LegacyMessage,
    codec: CompressionCodec,
    checksum: UInt32,
    byteCount: Int,
    messages: [LegacyMessage]
) -> JSON {
    let type =
        outer.magic == 0
        ? "NoTimestampType" : outer.isLogAppendTime ? "LogAppendTime" : "CreateTime"
    let records = messages.map { message in
        JSON.object([
            "offset": .integer(message.offset.rawValue),
            "timestamp": .integer(message.timestamp.rawValue),
            "key": message.key.map { .base64($0) } ?? .null,
            "value": message.value.map { .base64($0) } ?? .null,
        ])
    }
    return .object([
        "magic": .integer(Int64(outer.magic)),
        "baseOffset": .integer((messages.first ?? outer).offset.rawValue),
        "batchLength": .integer(Int64(byteCount - 12)),
        "crc": .integer(Int64(checksum)),
        "attributes": .integer(Int64(outer.attributes)),
        "codec": .string("\(codec)"),
        "timestampType": .string(type),
        "maxTimestamp": .integer(outer.timestamp.rawValue),
        "lastOffset": .integer(outer.offset.rawValue),
        "nextOffset": .integer(outer.offset.rawValue + 1),
        "records": .array(records),
    ])
}
