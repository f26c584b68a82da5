/// A stream-processing job: a name and a topology.
///
///     @main struct WordCount: StreamJob {
///         static let name = "word-count"
///         var topology: [Statement] {
///             stream(Topics.lines)
///                 .flatMapValues { line -> [String] in words(of: line) }
///                 .groupBy({ $0 }, via: "by-word", key: .utf8)
///                 .count(store: "word-counts")
///                 .to(Topics.counts)
///         }
///     }
public protocol StreamJob: Sendable {
    /// Names the consumer group, the transactional ids, and the internal topics
    /// (`<name>-<store>-changelog`, `<name>-<via>-repartition`). Changing it starts a new job.
    static var name: String { get }

    /// What the job does: one statement for each way to a sink.
    @TopologyBuilder var topology: [Statement] { get }

    /// What becomes of records that cannot be read, handled or written, where an operator does not
    /// say it; by default the job stops.
    var errorPolicies: ErrorPolicies { get }

    /// A job with its defaults; the launcher calls it.
    init()
}

extension StreamJob {
    /// Every error stops the job.
    public var errorPolicies: ErrorPolicies { ErrorPolicies() }
}

/// One way from a source to a sink (or to an operator with an effect) in a job's topology.
public struct Statement {
    let end: AnyNode
    @usableFromInline
    init(_ end: AnyNode) { self.end = end }
}

/// Collects the statements of a topology.
@resultBuilder
public enum TopologyBuilder {
    /// One statement.
    public static func buildExpression(_ statement: Statement) -> [Statement] { [statement] }
    /// Several.
    public static func buildExpression(_ statements: [Statement]) -> [Statement] { statements }
    /// A stream that ends without a sink, such as behind `peek`.
    public static func buildExpression<Key, Value, Placement>(
        _ stream: KeyedStream<Key, Value, Placement>
    ) -> [Statement] { [Statement(stream.node)] }
    /// A table that is kept and not written anywhere.
    public static func buildExpression<Key, Value>(_ table: Table<Key, Value>) -> [Statement] {
        [Statement(table.node)]
    }
    /// All of a block.
    public static func buildBlock(_ parts: [Statement]...) -> [Statement] { parts.flatMap { $0 } }
    /// `if` without `else`.
    public static func buildOptional(_ part: [Statement]?) -> [Statement] { part ?? [] }
    /// The first way of an `if`.
    public static func buildEither(first: [Statement]) -> [Statement] { first }
    /// The second way of an `if`.
    public static func buildEither(second: [Statement]) -> [Statement] { second }
    /// A loop.
    public static func buildArray(_ parts: [[Statement]]) -> [Statement] { parts.flatMap { $0 } }
}
