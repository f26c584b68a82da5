// swift-tools-version: 6.2
import Foundation
import PackageDescription

/// Whether `scripts/install` put the package here: then jobs are built with it, and neither tests nor
/// jobs of its own lie beside it.
let isInstalled = FileManager.default.fileExists(
    atPath: "\(Context.packageDirectory)/installed"
)

/// Set by scripts/sanitize: the thread sanitizer needs locks that it can see.
let isThreadSanitized = Context.environment["MILLRACE_SANITIZE"] == "thread"

/// Set by scripts/fuzz: what has libFuzzer's main links nowhere else.
let isFuzzed = Context.environment["MILLRACE_FUZZ"] == "1"

let settings: [SwiftSetting] =
    [
        .swiftLanguageMode(.v6),
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("InternalImportsByDefault"),
        .enableUpcomingFeature("MemberImportVisibility"),
        .treatAllWarnings(as: .error),
    ] + (isThreadSanitized ? [.define("MILLRACE_THREAD_SANITIZER")] : [])

/// A Swift target of ours with the house settings.
func library(
    _ name: String,
    _ dependencies: [Target.Dependency],
    exclude: [String] = [],
    lends: Bool = false
) -> Target {
    .target(
        name: name,
        dependencies: dependencies,
        exclude: exclude,
        // Declaring views that cannot escape is experimental; using them is not.
        swiftSettings: lends ? settings + [.enableExperimentalFeature("Lifetimes")] : settings
    )
}

/// A test target; its folder is `Tests/<name>`.
func tests(
    _ name: String,
    _ dependencies: [Target.Dependency],
    exclude: [String] = []
) -> Target {
    .testTarget(name: name, dependencies: dependencies, exclude: exclude, swiftSettings: settings)
}

/// A job of `Jobs` or `Templates`, compiled and tested here too: each is a package of its own, which
/// builds all of Millrace for itself. Its code is compiled as there, without the house settings.
func job(_ name: String, in folder: String) -> [Target] {
    [
        .target(
            name: name,
            dependencies: ["Millrace"],
            path: "\(folder)/Sources/\(name)",
            swiftSettings: [
                .swiftLanguageMode(.v6),
                .treatAllWarnings(as: .error),
                // `@main` in a library: under a name of its own, for there are several.
                .unsafeFlags([
                    "-parse-as-library", "-enable-testing",
                    "-Xfrontend", "-entry-point-function-name", "-Xfrontend", "\(name)_main",
                ]),
            ]
        ),
        .testTarget(
            name: "\(name)Tests",
            dependencies: [.target(name: name), "Millrace", "MillraceTestKit"],
            path: "\(folder)/Tests/\(name)Tests",
            swiftSettings: [.swiftLanguageMode(.v6), .treatAllWarnings(as: .error)]
        ),
    ]
}

/// The folders of jobs that are compiled and tested here too, by the name of their module.
let jobs: KeyValuePairs<String, String> = [
    "WordCount": "Jobs/WordCount",
    "FlightDelays": "Jobs/FlightDelays",
    "FlightWeather": "Jobs/FlightDelays",
    "Orders": "Jobs/Orders",
    "Sessions": "Jobs/Sessions",
    "WordCountTemplate": "Templates/word-count",
    "WindowTemplate": "Templates/window",
    "JoinTemplate": "Templates/join",
    "DedupTemplate": "Templates/dedup",
    "DlqTemplate": "Templates/dlq",
    "SagaTemplate": "Templates/saga",
]

/// A C library that distributions package, with the packages that provide it.
func system(_ name: String, apt: String, brew: String) -> Target {
    .systemLibrary(name: name, providers: [.apt([apt]), .brew([brew])])
}

let fuzzTargets: [Target] =
    isFuzzed
    ? [
        .executableTarget(
            name: "FuzzTargets",
            dependencies: [
                "Bytes", "LogModel", "LogStorage", "Broker", "BrokerAPI", "BrokerServer",
                "MillraceTestKit", "Security",
            ],
            path: "Tests/Fuzz",
            exclude: ["seeds.py"],
            swiftSettings: settings + [.unsafeFlags(["-parse-as-library"])]
        )
    ] : []

let package = Package(
    name: "Millrace",
    products: [
        .library(name: "Millrace", targets: ["Millrace"]),
        .library(name: "MillraceTestKit", targets: ["MillraceTestKit"]),
        .executable(name: "millrace", targets: ["MillraceCommand"]),
        .executable(name: "millrace-golden", targets: ["GoldenVectors"]),
    ] + (isFuzzed ? [.executable(name: "millrace-fuzz", targets: ["FuzzTargets"])] : []),
    targets: [
        // System libraries.
        system("CRocksDB", apt: "librocksdb-dev", brew: "rocksdb"),
        system("CLZ4", apt: "liblz4-dev", brew: "lz4"),
        system("CZstd", apt: "libzstd-dev", brew: "zstd"),
        system("CSnappy", apt: "libsnappy-dev", brew: "snappy"),
        system("CZlib", apt: "zlib1g-dev", brew: "zlib"),
        system("CUV", apt: "libuv1-dev", brew: "libuv"),
        system("COpenSSL", apt: "libssl-dev", brew: "openssl@3"),
        system("CMicroHTTPD", apt: "libmicrohttpd-dev", brew: "libmicrohttpd"),

        // Shims in C and C++.
        .target(name: "CChecksum"),
        .target(name: "CDisk"),
        .target(name: "CTrapPlace"),
        .target(
            name: "CSimdJSON",
            linkerSettings: [.linkedLibrary("simdjson"), .linkedLibrary("stdc++")]
        ),

        // For people.
        library("Terminal", []),
        library("Telemetry", ["Threads"]),
        library("FoundationErrors", []),

        // Whose the files are that root makes.
        library("FileOwner", []),

        // Threads with owners, and locks.
        library("Threads", []),

        // Who speaks, and that nobody listens in.
        library("Security", ["COpenSSL"]),
        // The web.
        library("HTTPServer", ["Threads", "CMicroHTTPD"]),

        // Formats.
        library("Bytes", ["CChecksum"]),
        library("Serdes", ["Bytes"]),
        library("JSON", ["Bytes", "Serdes", "CSimdJSON"], lends: true),
        library("LogModel", ["Bytes", "CLZ4", "CZstd", "CSnappy", "CZlib"]),
        library("KafkaRecords", ["Bytes", "LogModel"], exclude: ["Schemas"]),

        // The log.
        library(
            "LogStorage",
            ["Bytes", "CDisk", "FileOwner", "LogModel", "KafkaRecords", "Telemetry", "Threads"]
        ),
        library("KafkaDirectory", ["Bytes", "LogModel", "KafkaRecords", "LogStorage"]),
        library("Coordination", ["Bytes", "LogModel", "KafkaRecords"]),
        library(
            "Broker",
            [
                "Bytes", "LogModel", "KafkaRecords", "LogStorage", "Coordination", "Telemetry",
                "Threads",
            ]
        ),
        library("KafkaWire", ["Bytes", "LogModel", "KafkaRecords"], exclude: ["Schemas"]),
        library(
            "BrokerAPI",
            [
                "Bytes", "LogModel", "KafkaRecords", "KafkaWire", "LogStorage", "Coordination",
                "Broker", "Security", "Telemetry", "Threads",
            ]
        ),
        library(
            "BrokerServer",
            [
                "Bytes", "LogModel", "KafkaWire", "Broker", "BrokerAPI", "Security", "Threads",
                "CUV", "FileOwner",
            ]
        ),
        library(
            "KafkaClient",
            ["Bytes", "LogModel", "KafkaRecords", "KafkaWire", "Security"]
        ),
        library("LogClient", ["Bytes", "LogModel"]),
        library(
            "EmbeddedClient",
            ["Bytes", "LogModel", "LogClient", "LogStorage", "Coordination", "Broker"]
        ),

        // Streams.
        library("StateStores", ["Bytes", "CChecksum", "LogModel", "Threads"]),
        library(
            "RocksStore",
            ["Bytes", "StateStores", "LogModel", "Threads", "CRocksDB", "FileOwner"]
        ),
        library("Streams", ["Bytes", "LogModel", "StateStores", "Serdes", "JSON", "Threads"]),
        library(
            "StreamsRuntime",
            [
                "Bytes", "LogModel", "LogClient", "StateStores", "Streams", "Telemetry", "Threads",
                "CTrapPlace",
            ]
        ),
        library(
            "DirectoryAccess",
            [
                "Bytes", "LogModel", "LogClient", "EmbeddedClient", "LogStorage", "Broker",
                "Serdes", "JSON", "Streams", "StreamsRuntime", "Terminal", "Telemetry", "Threads",
                "FileOwner",
            ]
        ),
        library(
            "JobRunner",
            [
                "Bytes", "LogModel", "LogClient", "EmbeddedClient", "LogStorage", "Broker",
                "StateStores", "RocksStore", "Serdes", "JSON", "Streams", "StreamsRuntime",
                "DirectoryAccess", "Terminal", "Telemetry", "Threads", "Coordination", "BrokerAPI",
                "BrokerServer", "Security", "HTTPServer", "CTrapPlace", "FileOwner",
                "KafkaRecords",
            ]
        ),
        library("Millrace", ["Streams", "JobRunner", "LogModel"]),
        library(
            "MillraceTestKit",
            [
                "Bytes", "LogModel", "KafkaRecords", "LogStorage", "Coordination", "Broker",
                "LogClient", "EmbeddedClient", "StateStores", "Streams", "StreamsRuntime",
                "Threads", "CTrapPlace",
            ]
        ),

        // Benchmarks.
        .target(
            name: "BenchmarkWorkloads",
            dependencies: [
                "Bytes", "LogModel", "LogStorage", "LogClient", "Broker", "EmbeddedClient",
                "StateStores", "RocksStore", "Streams", "StreamsRuntime",
            ],
            path: "Benchmarks/Workloads",
            swiftSettings: settings
        ),

        // Commands.
        library(
            "DirectoryCommands",
            [
                "Bytes", "LogModel", "LogStorage", "KafkaDirectory", "Coordination", "Broker",
                "StateStores", "RocksStore", "Serdes", "JSON", "Streams", "StreamsRuntime",
                "DirectoryAccess", "FoundationErrors", "Terminal", "Telemetry",
            ]
        ),
        library(
            "ClientCommands",
            [
                "Bytes", "LogModel", "LogStorage", "Coordination", "Broker", "LogClient",
                "EmbeddedClient", "KafkaWire", "KafkaClient", "BrokerAPI", "Security", "Serdes",
                "JSON", "Streams", "StreamsRuntime", "DirectoryAccess", "Terminal", "Telemetry",
                "Threads",
            ]
        ),

        library(
            "RunCommands",
            [
                "LogModel", "LogStorage", "KafkaDirectory", "Broker", "BenchmarkWorkloads",
                "DirectoryAccess", "FileOwner", "FoundationErrors", "JobRunner", "Security",
                "Terminal", "Threads",
            ]
        ),

        // Executables.
        .executableTarget(
            name: "MillraceCommand",
            dependencies: [
                "LogModel", "LogStorage", "KafkaDirectory", "Broker", "LogClient", "StreamsRuntime",
                "DirectoryAccess", "DirectoryCommands", "ClientCommands", "RunCommands",
                "FoundationErrors", "JobRunner", "Terminal", "Telemetry", "KafkaClient",
                "BrokerAPI",
            ],
            swiftSettings: settings
        ),
        library(
            "UnservedAPIs",
            ["Bytes", "LogModel", "KafkaRecords", "KafkaWire"],
            exclude: ["Schemas"]
        ),
        .executableTarget(
            name: "GoldenVectors",
            dependencies: [
                "Bytes", "LogModel", "KafkaRecords", "KafkaWire", "LogStorage", "KafkaDirectory",
                "Coordination", "Broker", "BrokerAPI", "BrokerServer", "KafkaClient",
                "UnservedAPIs", "Streams", "StreamsRuntime", "MillraceTestKit", "Terminal",
                "Threads",
            ],
            swiftSettings: settings
        ),

        // Tests.
        tests("LogModelTests", ["Bytes", "CChecksum", "LogModel"], exclude: ["Fixtures"]),
        tests(
            "KafkaRecordsTests",
            ["Bytes", "LogModel", "KafkaRecords"],
            exclude: ["Fixtures"]
        ),
        tests(
            "LogStorageTests",
            ["Bytes", "FileOwner", "LogModel", "LogStorage", "MillraceTestKit", "Threads"]
        ),
        tests(
            "KafkaDirectoryTests",
            ["Bytes", "LogModel", "LogStorage", "KafkaDirectory", "MillraceTestKit"]
        ),
        tests("JSONTests", ["Serdes", "JSON"]),
        tests("CoordinationTests", ["Bytes", "LogModel", "KafkaRecords", "Coordination"]),
        tests(
            "BrokerTests",
            [
                "Bytes", "LogModel", "KafkaRecords", "LogStorage", "Coordination", "Broker",
                "LogClient", "EmbeddedClient", "MillraceTestKit", "Threads",
            ]
        ),
        tests(
            "KafkaWireTests",
            ["Bytes", "LogModel", "KafkaRecords", "KafkaWire"],
            exclude: ["Fixtures"]
        ),
        tests(
            "KafkaClientTests",
            [
                "Bytes", "LogModel", "KafkaRecords", "KafkaWire", "LogStorage", "Broker",
                "BrokerAPI", "BrokerServer", "KafkaClient", "Security", "Threads",
            ]
        ),
        tests(
            "BrokerServerTests",
            [
                "Bytes", "LogModel", "KafkaRecords", "KafkaWire", "LogStorage", "Coordination",
                "Broker", "BrokerAPI", "BrokerServer", "MillraceTestKit", "Security", "Threads",
                "GoldenVectors",
            ],
            exclude: ["Fixtures"]
        ),
        tests("SecurityTests", ["Security"]),
        tests(
            "StateStoresTests",
            [
                "Bytes", "LogModel", "StateStores", "RocksStore", "CRocksDB", "MillraceTestKit",
                "Threads",
            ]
        ),
        tests(
            "StreamsTests",
            [
                "Bytes", "LogModel", "LogClient", "StateStores", "RocksStore", "Streams",
                "StreamsRuntime", "MillraceTestKit", "GoldenVectors", "Broker", "EmbeddedClient",
                "Telemetry",
            ],
            exclude: ["Fixtures"]
        ),
        tests(
            "CrashTests",
            [
                "Bytes", "LogModel", "LogStorage", "Coordination", "Broker", "EmbeddedClient",
                "LogClient", "StateStores", "Streams", "StreamsRuntime", "MillraceTestKit",
                "Threads",
            ]
        ),
        tests(
            "CommandLineTests",
            [
                "Terminal", "Telemetry", "Bytes", "LogModel", "KafkaRecords", "LogStorage",
                "KafkaDirectory", "Coordination", "Broker", "JobRunner", "MillraceCommand",
                "ClientCommands", "DirectoryAccess", "DirectoryCommands", "FoundationErrors",
                "RunCommands", "MillraceTestKit",
                "EmbeddedClient", "LogClient", "JSON", "Serdes", "HTTPServer",
                "Streams", "StreamsRuntime", "Threads", "BrokerAPI", "KafkaClient", "KafkaWire",
            ],
            exclude: ["EndToEnd/Allocations", "Interop/Scripts"]
        ),
        tests("HTTPServerTests", ["HTTPServer", "Threads"]),
        tests("GuideTests", ["Millrace", "MillraceTestKit"]),
        tests("TidyTests", []),

        // Every job in one executable, so that tests run them without a build of each.
        .executableTarget(
            name: "JobsUnderTest",
            dependencies: ["Millrace"] + jobs.map { .target(name: $0.key) },
            path: "Tests/JobsUnderTest",
            swiftSettings: settings
        ),
    ] + jobs.flatMap { job($0.key, in: $0.value) } + fuzzTargets,
    cxxLanguageStandard: .cxx17
)

if isInstalled {
    let left = ["Jobs/", "Templates/", "Tests/"]
    package.targets.removeAll { target in
        target.type == .test || left.contains { target.path?.hasPrefix($0) == true }
    }
}
