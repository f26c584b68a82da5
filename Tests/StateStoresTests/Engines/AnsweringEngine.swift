import LogModel
import StateStores

/// An engine that gives one answer for every key, and fails to read until it has one.
final class AnsweringEngine: StoreEngine {
    var answer: [UInt8]?

    init(_ answer: [UInt8]? = nil) { self.answer = answer }

    var checkpointedOffset: Offset? { nil }
    var changelog: FollowedChangelog?
    var isEmpty: Bool { false }

    func get(
        _ key: UnsafeRawBufferPointer,
        _ body: (UnsafeRawBufferPointer) -> Void
    ) throws(StoreError) -> Bool {
        guard let answer else { throw StoreError(code: .io, path: "s", message: "unreadable") }
        answer.withUnsafeBytes(body)
        return true
    }

    func checkpoint(_ entries: SortedEntries, changelogOffset: Offset) {}
    func scan(
        from: UnsafeRawBufferPointer?,
        to: UnsafeRawBufferPointer?,
        isReversed: Bool,
        _ body: (_ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) -> Bool
    ) {}
    func wipe(because reason: String) {}
    func close() {}
}
