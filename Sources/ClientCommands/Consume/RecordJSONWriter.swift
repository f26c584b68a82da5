import JSON
import LogModel
import Serdes

/// Records as JSON, an object a line, which `produce --input json` takes back.
///
///     {"topic":"orders","partition":0,"offset":7,"timestamp":1359608400000,
///      "timestamp_type":"CreateTime","key":"k","value":null,
///      "headers":[{"key":"a","value":"1"},{"key":"a","value_base64":"/w=="}]}
///
/// Bytes that are no UTF-8 stand in a member of their own, whose name ends in `_base64`.
struct RecordJSONWriter: ~Copyable {
    private var sink = ByteSink(capacity: 4096)

    /// The line of one record of `batch`; valid until the next call.
    mutating func line(
        of record: RecordView,
        in batch: RecordBatchView,
        _ partition: TopicPartition
    ) throws(JSONError) -> UnsafeRawBufferPointer {
        sink.removeAll()
        try JSONWriter.writeObject(into: &sink) { json in
            json.member("topic", partition.topic)
            json.member("partition", Int64(partition.partition.rawValue))
            json.member("offset", batch.offset(of: record).rawValue)
            json.member("timestamp", batch.timestamp(of: record).rawValue)
            json.member("timestamp_type", batch.attributes.timestampType)
            Self.member("key", "key_base64", record.key, of: &json)
            Self.member("value", "value_base64", record.value, of: &json)
            json.array("headers") { Self.write(headers: record.headers, to: &$0) }
        }
        sink.append(UInt8(ascii: "\n"))
        return sink.bytes
    }

    private static func write(headers: UnsafeRawBufferPointer, to json: inout JSONWriter) {
        var headers = RecordHeaderIterator(headers)
        while let header = headers.next() {
            json.object { json in
                member("key", "key_base64", header.key, of: &json)
                member("value", "value_base64", header.value, of: &json)
            }
        }
    }

    private static func member(
        _ name: StaticString,
        _ base64Name: StaticString,
        _ bytes: UnsafeRawBufferPointer?,
        of json: inout JSONWriter
    ) {
        guard let bytes else { return json.nullMember(name) }
        if String(validating: bytes, as: UTF8.self) != nil {
            json.member(name, utf8: bytes)
        } else {
            json.member(base64Name, Base64.text(bytes))
        }
    }
}

extension BatchAttributes {
    /// Kafka's word for who set the timestamps.
    fileprivate var timestampType: String { isLogAppendTime ? "LogAppendTime" : "CreateTime" }
}
