import DirectoryAccess
import LogClient
import LogStorage
import Streams
import StreamsRuntime
package import Terminal

/// `--format` of `describe`.
package enum DescribeFormat: String, CaseIterable, Sendable {
    case text
    case mermaid
    case json

    package static let parameter = Parameter.option(
        "format",
        ValueKind<DescribeFormat>.choice("WORD"),
        default: .text,
        shown: "text",
        help: "how the topology is printed"
    )

    /// What `describe` declares.
    package static let parameters: [ParameterDeclaration] = [
        parameter.declaration, DataDirectoryOption.parameter.declaration,
    ]

    /// The partitions of the job's topics in a data directory, those that a start would make
    /// included; none where there is no directory.
    static func partitionCounts(
        of specification: TopologySpecification,
        in directory: String
    ) -> [String: Int32] {
        guard let found = try? DataDirectory.topics(disk: PosixDisk(), path: directory) else {
            return [:]
        }
        let topics = found.map(TopicDescription.init)
        if let plan = try? TopologyPlan(specification, existing: topics) {
            return plan.partitionCounts
        }
        return Dictionary(topics.map { ($0.name, $0.partitionCount) }) { first, _ in first }
    }
}
