import Broker
import JobRunner
import Terminal
import Threads

/// `millrace serve`.
enum ServeCommand {
    static let command = Command(
        "serve",
        summary: "serve the log to Kafka's clients over TCP",
        discussion: "Prints its address when it is ready. SIGHUP, SIGINT and SIGTERM finish what "
            + "is in flight\nand leave with exit code 0; a second one leaves at once.",
        parameters: [DataDirectoryOption.parameter.declaration]
            + ListenOptions.requiredParameters,
        examples: [
            .init("millrace serve", "on 127.0.0.1:9092"),
            .init(
                "millrace serve --listen 127.0.0.1:0 --config num.partitions=4",
                "on a free port; topics that clients make have 4 partitions"
            ),
        ]
    ) { invocation in
        let options = try ListenOptions(invocation)
        let settings = try ServerSettings(options.settings)
        let signals = SignalListener.start()
        let log = try OpenLog(
            invocation[DataDirectoryOption.parameter],
            creates: true
        ) { configuration in
            settings.broker(&configuration)
            configuration.ownerNote = "millrace serve"
        }
        let outcome = Result { try serve(log, options, signals) }
        let closing = Result { try log.close() }
        try outcome.get()
        try closing.get()
        return .done
    }

    private static func serve(
        _ log: OpenLog,
        _ options: ListenOptions,
        _ signals: SignalListener
    ) throws {
        guard let listener = try LogListener(log, options), let address = listener.address else {
            return
        }
        TextOutput.standard.write("listening on \(address)\n")
        let isRequested = ConditionLock(false)
        signals.onRequest { isRequested.update { $0 = true } }
        isRequested.waitAndTake { $0 ? () : nil }
        listener.stop()
    }
}
