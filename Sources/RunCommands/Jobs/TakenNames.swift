/// Names that no job can have, whatever its template: its target would not compile, or not be told
/// from another one.
enum TakenNames {
    /// Why no job can have this name; nil where it can.
    static func reason(_ name: String) -> String? {
        if words.contains(name) { return "it is a word of Swift's own" }
        if swiftModules.contains(name) { return "a module of Swift's has it" }
        if targets.contains(name) { return "a target of the Millrace package has it" }
        return nil
    }

    /// Swift's reserved words that begin as a type's name does, and the name of its library.
    /// `Type` and `Protocol` are reserved within other types alone.
    private static let words: Set = ["Any", "Self", "Swift", "Void"]

    /// Modules that come with Swift: in a job, its own would stand before them.
    static let swiftModules: Set = [
        "Cxx", "CxxStdlib", "Dispatch", "Distributed", "Foundation", "FoundationEssentials",
        "FoundationInternationalization", "FoundationNetworking", "FoundationXML", "Glibc",
        "Observation", "RegexBuilder", "Runtime", "SwiftOnoneSupport", "SwiftShims",
        "Synchronization", "Testing", "XCTest",
    ]

    /// The targets of the Millrace package that a job's package meets: the package manager wants
    /// all names to be different.
    static let targets: Set = [
        "BenchmarkWorkloads", "Broker", "BrokerAPI", "BrokerServer", "Bytes", "CChecksum", "CDisk",
        "CLZ4", "CMicroHTTPD", "COpenSSL", "CRocksDB", "CSimdJSON", "CSnappy", "CTrapPlace", "CUV",
        "CZlib", "CZstd", "ClientCommands", "Coordination", "DirectoryAccess", "DirectoryCommands",
        "EmbeddedClient", "FileOwner", "FoundationErrors", "GoldenVectors", "HTTPServer", "JSON",
        "JobRunner", "KafkaClient", "KafkaDirectory", "KafkaRecords", "KafkaWire", "LogClient",
        "LogModel", "LogStorage", "Millrace", "MillraceCommand", "MillraceTestKit", "RocksStore",
        "RunCommands", "Security", "Serdes", "StateStores", "Streams", "StreamsRuntime",
        "Telemetry", "Terminal", "Threads", "UnservedAPIs",
    ]
}
