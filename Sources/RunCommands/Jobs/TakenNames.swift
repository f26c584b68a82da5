import Foundation

/// Names that no job can have, whatever its template: its target would not compile, or not be told
/// from another one.
enum TakenNames {
    /// Why no job can have this name; nil where it can.
    static func reason(_ name: String) -> String? {
        if words.contains(name) { return "it is a word of Swift's own" }
        if swiftModules.contains(name) { return "a module of Swift's has it" }
        if targets.contains(name) { return "a target of the Millrace package has it" }
        if swiftTypes.contains(name) { return "a type of Swift's has it, which would be hidden" }
        return nil
    }

    /// Why a job that takes Millrace from there cannot have this name, beside those; nil where it
    /// can. A type of the job's own stands before one of a module that it imports.
    static func reason(_ name: String, home: String) -> String? {
        millraceTypes(home).contains(name)
            ? "a type of Millrace's has it, which would be hidden" : nil
    }

    /// The public types of the modules that a job sees by `import Millrace`.
    static func millraceTypes(_ home: String) -> Set<String> {
        var names: Set<String> = []
        for module in ["JobRunner", "JSON", "LogModel", "Serdes", "Streams"] {
            let folder = "\(home)/Sources/\(module)"
            let paths = (try? FileManager.default.subpathsOfDirectory(atPath: folder)) ?? []
            for path in paths where path.hasSuffix(".swift") {
                guard let text = try? String(contentsOfFile: "\(folder)/\(path)", encoding: .utf8)
                else { continue }
                names.formUnion(publicTypes(in: text))
            }
        }
        return names
    }

    /// Those that a source declares outside of others: their lines are not indented.
    static func publicTypes(in source: String) -> [String] {
        let kinds: Set = ["actor", "class", "enum", "protocol", "struct", "typealias"]
        return source.split(separator: "\n").compactMap { line in
            guard let first = line.first, !first.isWhitespace else { return nil }
            let words = line.split { !($0.isLetter || $0.isNumber || $0 == "_") }.map(String.init)
            guard words.contains("public"), let kind = words.firstIndex(where: kinds.contains),
                kind + 1 < words.count, !words[..<kind].contains("import")
            else { return nil }
            return words[kind + 1]
        }
    }

    /// Swift's reserved words that begin as a type's name does, and the name of its library.
    /// `Type` and `Protocol` are reserved within other types alone.
    private static let words: Set = ["Any", "Self", "Swift", "Void"]

    /// Types that sources of a job may spell, or its compiler for them, as in `[String]`, `T?` and
    /// literals.
    static let swiftTypes: Set = [
        "AnyClass", "AnyHashable", "AnyKeyPath", "AnyObject", "AnySequence", "Array", "ArraySlice",
        "AsyncIteratorProtocol", "AsyncSequence", "AsyncStream", "BidirectionalCollection",
        "BinaryFloatingPoint", "BinaryInteger", "Bool", "BooleanLiteralType", "CaseIterable",
        "Character", "Clock", "ClosedRange", "Codable", "CodingKey", "Collection", "CommandLine",
        "Comparable", "ContinuousClock", "Copyable", "CustomDebugStringConvertible",
        "CustomStringConvertible", "Decodable", "Decoder", "DecodingError",
        "DefaultStringInterpolation", "Dictionary", "Double", "Duration", "Encodable", "Encoder",
        "EncodingError", "Equatable", "Error", "Escapable", "ExpressibleByArrayLiteral",
        "ExpressibleByBooleanLiteral", "ExpressibleByDictionaryLiteral",
        "ExpressibleByFloatLiteral", "ExpressibleByIntegerLiteral", "ExpressibleByNilLiteral",
        "ExpressibleByStringInterpolation", "ExpressibleByStringLiteral", "FixedWidthInteger",
        "Float", "Float16", "Float32", "Float64", "FloatLiteralType", "FloatingPoint", "Hashable",
        "Hasher", "Identifiable", "Int", "Int128", "Int16", "Int32", "Int64", "Int8",
        "IntegerLiteralType", "IteratorProtocol", "KeyPath", "KeyValuePairs", "MainActor",
        "MemoryLayout", "Mirror", "MutableCollection", "Never", "Numeric", "ObjectIdentifier",
        "Optional", "OptionSet", "RandomAccessCollection", "RandomNumberGenerator", "Range",
        "RangeExpression", "RangeReplaceableCollection", "RawRepresentable", "RawSpan", "Regex",
        "Result", "Sendable", "Sequence", "Set", "SignedInteger", "SignedNumeric", "Slice", "Span",
        "StaticString", "Strideable", "String", "StringLiteralType", "StringProtocol", "Substring",
        "SystemRandomNumberGenerator", "Task", "TextOutputStream", "UInt", "UInt128", "UInt16",
        "UInt32", "UInt64", "UInt8", "Unicode", "UnsafeBufferPointer", "UnsafeRawBufferPointer",
        "UnsafeMutableRawBufferPointer", "UnsignedInteger",
    ]

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
