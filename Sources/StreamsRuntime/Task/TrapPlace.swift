import CTrapPlace
import Glibc
import LogModel
import Streams

/// What is told of a task's record where the code of the job traps: names as plain memory, which
/// the handler of the signal reads, and the task's record, which says by itself how far it is.
final class TrapPlace {
    private let job: UnsafeMutablePointer<CChar>?
    private let topics: UnsafeMutableBufferPointer<millrace_trap_topic>
    private let record: UnsafeMutablePointer<RecordContext>
    private let partition: Int32

    init(
        job: String,
        inputs: [(topic: String, isInternal: Bool)],
        record: UnsafeMutablePointer<RecordContext>
    ) {
        self.job = strdup(job)
        self.record = record
        partition = record.pointee.partition.rawValue
        topics = .allocate(capacity: inputs.count)
        for (index, input) in inputs.enumerated() {
            topics.initializeElement(
                at: index,
                to: millrace_trap_topic(
                    name: strdup(input.topic),
                    is_internal: input.isInternal ? 1 : 0
                )
            )
        }
    }

    deinit {
        for topic in topics { free(UnsafeMutablePointer(mutating: topic.name)) }
        topics.deallocate()
        free(job)
    }

    /// What is told of an input's topic.
    func topic(_ input: Int) -> UnsafeRawPointer? {
        topics.baseAddress.map { UnsafeRawPointer($0 + input) }
    }

    /// Makes the task's place that of the calling thread, until `leave`.
    func enter() {
        guard let place = millrace_trap_place_of_thread() else { return }
        record.pointee.occupation = .none
        let fields = UnsafeRawPointer(record)
        place.pointee.job = UnsafePointer(job)
        place.pointee.partition = partition
        // SAFETY: the fields hold an `Int64`, a byte and a pointer to an element of `topics`, as
        // the handler reads them; they stay as long as the task, which leaves before it goes.
        place.pointee.offset = (fields + Self.offsetField).assumingMemoryBound(to: Int64.self)
        place.pointee.occupation =
            (fields + Self.occupationField).assumingMemoryBound(to: UInt8.self)
        place.pointee.topic =
            (fields + Self.topicField)
            .assumingMemoryBound(to: UnsafePointer<millrace_trap_topic>?.self)
    }

    /// The thread has no record of the task at hand any more.
    func leave() { millrace_trap_place_of_thread()?.pointee.topic = nil }

    private static let offsetField = place(of: \.offset)
    private static let occupationField = place(of: \.occupation)
    private static let topicField = place(of: \.trapTopic)

    private static func place(of field: PartialKeyPath<RecordContext>) -> Int {
        guard let offset = MemoryLayout<RecordContext>.offset(of: field) else {
            preconditionFailure("a record's place is not stored")
        }
        return offset
    }
}
