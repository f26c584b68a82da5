/// A topology as plain data: operators in the order in which records pass, grouped in
/// sub-topologies, which only topics connect.
public struct TopologySpecification: Equatable, Codable, Sendable {
    /// One operator.
    public struct Operator: Equatable, Codable, Sendable {
        /// Its number, counted from 0 over the whole topology; for display only.
        public let id: Int
        /// What it is.
        public let kind: OperatorKind
        /// The numbers of the operators whose records it gets.
        public let parents: [Int]
        /// The sub-topology it belongs to.
        public let subtopology: Int
    }

    /// A part of the topology whose operators hand records to each other without a topic between.
    public struct Subtopology: Equatable, Codable, Sendable {
        /// Its number, counted from 0.
        public let id: Int
        /// The topics it reads that exist outside the job.
        public let externalTopics: [String]
        /// The repartition topics it reads, by the user's names.
        public let repartitions: [String]
        /// The stores its tasks keep.
        public let stores: [StoreSpecification]
        /// The global table that this is; it has no tasks, for every thread keeps it.
        public let globalTable: GlobalTable?
    }

    /// A topic that every stream thread keeps whole, in a store without a changelog.
    public struct GlobalTable: Equatable, Codable, Sendable {
        /// The topic.
        public let topic: String
        /// The store's name.
        public let store: String
    }

    /// The job's name.
    public let job: String
    /// Every operator.
    public let operators: [Operator]
    /// Every sub-topology, those that read only external topics first.
    public let subtopologies: [Subtopology]
    /// The topics to which records go that an operator cannot handle.
    public let deadLetterTopics: [String]

    /// The names of the job's own topics.
    public var names: InternalNames { InternalNames(job: job) }

    init(
        job: String,
        nodes: [AnyNode],
        errors: ErrorPolicies = ErrorPolicies()
    ) throws(TopologyError) {
        try Self.checkName(job, what: "job name")
        let numbers = Dictionary(
            uniqueKeysWithValues: nodes.enumerated().map { (ObjectIdentifier($1), $0) }
        )
        let parents = nodes.map { node in
            node.parents.compactMap { numbers[ObjectIdentifier($0)] }
        }
        // Every task has the rows of a global table: it joins nothing together.
        let groups = Self.group(
            parents.map { list in
                list.filter { nodes[$0] is GlobalTableNode == false }
            },
            stores: nodes.map(\.kind.stores)
        )
        self.job = job
        operators = nodes.indices.map { index in
            Operator(
                id: index,
                kind: nodes[index].kind,
                parents: parents[index],
                subtopology: groups[index]
            )
        }
        var subtopologies: [Subtopology] = []
        for id in 0...(groups.max() ?? 0) {
            let held = zip(nodes, groups).filter { $0.1 == id }.compactMap(\.0.heldKeysStore)
            subtopologies.append(try Self.subtopology(id, of: operators, held: held))
        }
        deadLetterTopics = ErrorPlan.deadLetterTopics(
            of: nodes,
            errors,
            names: InternalNames(job: job)
        )
        for topic in deadLetterTopics {
            try Self.checkName(topic, what: "topic name")
            if subtopologies.contains(where: { $0.externalTopics.contains(topic) }) {
                throw TopologyError(
                    "the job reads the topic \(topic): a dead letter there would come back to it; "
                        + "name another topic for dead letters"
                )
            }
        }
        self.subtopologies = subtopologies
        try checkUniqueNames()
    }

    /// Every global table.
    public var globalTables: [GlobalTable] { subtopologies.compactMap(\.globalTable) }

    /// The topic that tasks read for an operator; nil for one that reads none.
    public func inputTopic(of kind: OperatorKind) -> String? {
        switch kind {
        case .source(let topic, _, _): topic
        case .repartitionSource(let via): names.repartitionTopic(via: via)
        case .globalTable, .stateless, .stateful, .sink, .repartitionSink, .dynamicSink: nil
        }
    }

    /// The topic that an operator writes its results to; nil for one that writes none.
    public func outputTopic(of kind: OperatorKind) -> String? {
        switch kind {
        case .sink(let topic, _, _): topic
        case .repartitionSink(let via, _, _): names.repartitionTopic(via: via)
        case .source, .repartitionSource, .globalTable, .stateless, .stateful, .dynamicSink: nil
        }
    }

    /// The topics outside the job that an operator is known to write to.
    public func sinkTopics(of kind: OperatorKind) -> [String] {
        switch kind {
        case .sink(let topic, _, _): [topic]
        case .dynamicSink(let topics, _, _): topics
        case .source, .repartitionSource, .globalTable, .stateless, .stateful, .repartitionSink:
            []
        }
    }

    /// The first store whose keys are those of the records of a source topic, reached through
    /// operators that leave the key alone; nil if there is none. The engine loads its cache lines
    /// ahead of the records.
    public func storeKeyed(bySourceOf topic: String) -> String? {
        var reached: Set<Int> = []
        for item in operators {
            if inputTopic(of: item.kind) == topic { reached.insert(item.id) }
            guard item.parents.contains(where: reached.contains) else { continue }
            switch item.kind {
            case .stateful(let word, let stores):
                // A processor's keys are its own.
                guard word != "process", let store = stores.first, store.kind == .keyValue else {
                    continue
                }
                return store.name
            case .stateless(let word):
                if !["map", "flatMap", "selectKey", "groupBy", "process"].contains(word) {
                    reached.insert(item.id)
                }
            case .source, .repartitionSource, .globalTable, .sink, .repartitionSink, .dynamicSink:
                continue
            }
        }
        return nil
    }

    /// Numbers the connected parts of the graph by their first operator. Operators that share a
    /// store are connected.
    private static func group(_ parents: [[Int]], stores: [[StoreSpecification]]) -> [Int] {
        var root = Array(parents.indices)
        func find(_ index: Int) -> Int {
            var index = index
            while root[index] != index { index = root[index] }
            return index
        }
        func connect(_ index: Int, _ other: Int) {
            let (one, other) = (find(index), find(other))
            root[max(one, other)] = min(one, other)
        }
        var users: [String: Int] = [:]
        for (index, list) in parents.enumerated() {
            for parent in list { connect(index, parent) }
            for store in stores[index] where store.isShared {
                if let user = users[store.name] { connect(index, user) }
                users[store.name] = index
            }
        }
        var numbers: [Int: Int] = [:]
        return parents.indices.map { index in
            let representative = find(index)
            let number = numbers[representative] ?? numbers.count
            numbers[representative] = number
            return number
        }
    }

    private static func subtopology(
        _ id: Int,
        of operators: [Operator],
        held: [StoreSpecification]
    ) throws(TopologyError) -> Subtopology {
        var topics: [String] = []
        var repartitions: [String] = []
        var stores: [StoreSpecification] = []
        var globalTable: GlobalTable?
        for item in operators where item.subtopology == id {
            switch item.kind {
            case .source(let topic, _, _): topics.append(topic)
            case .repartitionSource(let via):
                try checkName(via, what: "repartition name")
                repartitions.append(via)
            case .stateful(_, let own):
                for store in own { try checkName(store.name, what: "store name") }
                for store in own where !store.isShared || !stores.contains(store) {
                    if let other = stores.first(where: { $0.name == store.name }), store.isShared {
                        let unlike =
                            other.format == store.format
                            ? "with different options"
                            : "once as \(other.format) and once as \(store.format)"
                        throw TopologyError(
                            "the store \"\(store.name)\" is declared twice, \(unlike): declare it "
                                + "once and give it to both"
                        )
                    }
                    stores.append(store)
                }
            case .globalTable(let topic, _, _, let store):
                try checkName(store, what: "store name")
                globalTable = GlobalTable(topic: topic, store: store)
            case .sink(let topic, _, _): try checkName(topic, what: "topic name")
            case .dynamicSink(let topics, _, _):
                for topic in topics { try checkName(topic, what: "topic name") }
            case .stateless, .repartitionSink: break
            }
        }
        return Subtopology(
            id: id,
            externalTopics: topics,
            repartitions: repartitions,
            stores: stores + held,
            globalTable: globalTable
        )
    }

    private func checkUniqueNames() throws(TopologyError) {
        for (what, names) in [
            ("store", subtopologies.flatMap(\.stores).map(\.name) + globalTables.map(\.store)),
            ("repartition", subtopologies.flatMap(\.repartitions)),
        ] {
            var seen: Set<String> = []
            for name in names where !seen.insert(name).inserted {
                if what == "store", let clash = clashOfHeldKeys(name) { throw clash }
                throw TopologyError(
                    "two operators use the \(what) name \"\(name)\"; names are unique"
                )
            }
        }
    }

    /// Kafka's rule for topic names, which all names become part of.
    private static func checkName(_ name: String, what: String) throws(TopologyError) {
        let allowed = name.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "-"):
                true
            default: false
            }
        }
        guard !name.isEmpty, name.utf8.count <= 200, allowed, name != ".", name != ".." else {
            throw TopologyError(
                "the \(what) \"\(name)\" is not allowed: 1 to 200 of the letters a-z A-Z 0-9 . _ -"
            )
        }
    }
}
