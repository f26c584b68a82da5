/// Which modules each target may import: the directions of docs/ARCHITECTURE.md.
enum AllowedImports {
    private static let system: Set<String> = ["Glibc", "Darwin", "Synchronization"]

    static let table: [String: Set<String>] = {
        var table: [String: Set<String>] = [
            "Terminal": [], "Telemetry": ["Threads"], "Threads": [],
            "FoundationErrors": ["Foundation"],
            "FileOwner": [],
            "Security": ["COpenSSL"],
            "HTTPServer": ["Threads", "CMicroHTTPD"],
            "Bytes": ["CChecksum"],
            "Serdes": ["Bytes"],
            // Foundation for the types that its own coders treat apart; never on a record's path
            // without them.
            "JSON": ["Bytes", "Serdes", "CSimdJSON", "FoundationEssentials", "Foundation"],
            "LogModel": ["Bytes", "CLZ4", "CZstd", "CSnappy", "CZlib"],
            "KafkaRecords": ["Bytes", "LogModel"],
            "LogStorage": [
                "Bytes", "LogModel", "KafkaRecords", "Telemetry", "Threads", "CDisk",
                "FileOwner",
            ],
            "KafkaDirectory": ["Bytes", "LogModel", "KafkaRecords", "LogStorage"],
            "Coordination": ["Bytes", "LogModel", "KafkaRecords"],
            "Broker": [
                "Bytes", "LogModel", "KafkaRecords", "LogStorage", "Coordination", "Telemetry",
                "Threads",
            ],
            "KafkaWire": ["Bytes", "LogModel", "KafkaRecords"],
            "BrokerAPI": [
                "Bytes", "LogModel", "KafkaRecords", "KafkaWire", "LogStorage", "Coordination",
                "Broker", "Security", "Telemetry", "Threads",
            ],
            "BrokerServer": [
                "Bytes", "LogModel", "KafkaWire", "Broker", "BrokerAPI", "Security", "Threads",
                "CUV", "FileOwner",
            ],
            "KafkaClient": ["Bytes", "LogModel", "KafkaRecords", "KafkaWire", "Security"],
            "LogClient": ["Bytes", "LogModel"],
            "EmbeddedClient": [
                "Bytes", "LogModel", "LogClient", "LogStorage", "Coordination", "Broker",
            ],
            "StateStores": ["Bytes", "CChecksum", "LogModel", "Threads"],
            "RocksStore": ["Bytes", "StateStores", "LogModel", "Threads", "CRocksDB", "FileOwner"],
            "Streams": ["Bytes", "LogModel", "StateStores", "Serdes", "JSON", "Threads"],
            "StreamsRuntime": [
                "Bytes", "LogModel", "LogClient", "StateStores", "Streams", "Telemetry", "Threads",
                "CTrapPlace",
            ],
            "DirectoryAccess": [
                "Bytes", "LogModel", "LogClient", "EmbeddedClient", "LogStorage", "Broker",
                "Serdes", "JSON", "Streams", "StreamsRuntime", "Terminal", "Telemetry", "Threads",
                "FileOwner",
            ],
            "Millrace": ["Streams", "JobRunner", "LogModel"],
            "DirectoryCommands": [
                "Bytes", "LogModel", "LogStorage", "KafkaDirectory", "Coordination", "Broker",
                "StateStores", "RocksStore", "Serdes", "JSON", "Streams", "StreamsRuntime",
                "DirectoryAccess", "FoundationErrors", "Terminal", "Telemetry", "Foundation",
            ],
            "ClientCommands": [
                "Bytes", "LogModel", "LogStorage", "Coordination", "Broker", "LogClient",
                "EmbeddedClient", "KafkaWire", "KafkaClient", "BrokerAPI", "Security", "Serdes",
                "JSON", "Streams", "StreamsRuntime", "DirectoryAccess", "Terminal", "Telemetry",
                "Threads",
            ],
            "RunCommands": [
                "LogModel", "LogStorage", "KafkaDirectory", "Broker", "BenchmarkWorkloads",
                "DirectoryAccess", "FileOwner", "FoundationErrors", "JobRunner", "Security",
                "Terminal", "Threads", "Foundation",
            ],
            "MillraceCommand": [
                "LogModel", "LogStorage", "KafkaDirectory", "Broker", "LogClient", "StreamsRuntime",
                "DirectoryAccess", "DirectoryCommands", "ClientCommands", "RunCommands",
                "FoundationErrors", "JobRunner", "Terminal", "Telemetry", "KafkaClient",
                "BrokerAPI", "Foundation",
            ],
        ]
        let belowRunner: Set<String> = [
            "Bytes", "LogModel", "LogClient", "EmbeddedClient", "LogStorage", "Broker",
            "StateStores", "RocksStore", "Serdes", "JSON", "Streams", "StreamsRuntime",
            "Terminal", "Telemetry", "Threads",
        ]
        let everything = belowRunner.union([
            "KafkaRecords", "KafkaDirectory", "Coordination", "Foundation",
        ])
        table["JobRunner"] = belowRunner.union([
            "DirectoryAccess", "BrokerAPI", "BrokerServer", "Coordination", "HTTPServer",
            "Security",
            "CTrapPlace", "FileOwner", "KafkaRecords",
        ])
        table["MillraceTestKit"] = everything.union(["CTrapPlace"])
        table["UnservedAPIs"] = ["Bytes", "LogModel", "KafkaRecords", "KafkaWire"]
        table["GoldenVectors"] = everything.union([
            "MillraceTestKit", "KafkaWire", "BrokerAPI", "BrokerServer", "KafkaClient",
            "UnservedAPIs",
        ])
        return table.mapValues { $0.union(system) }
    }()
}
