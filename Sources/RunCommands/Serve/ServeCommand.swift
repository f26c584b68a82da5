import Broker
import DirectoryAccess
import Glibc
import JobRunner
package import Terminal
import Threads

/// `millrace serve`.
package enum ServeCommand {
    package static let command = Command(
        "serve",
        summary: "serve the log to Kafka's clients over TCP",
        discussion: "Prints its addresses when it is ready. SIGHUP, SIGINT and SIGTERM finish what "
            + "is in flight\nand leave with exit code 0; a second one leaves at once.",
        parameters: [DataDirectoryOption.parameter.declaration]
            + ListenOptions.requiredParameters + WatchOptions.parameters,
        examples: [
            .init("millrace serve", "on 127.0.0.1:9092"),
            .init(
                "millrace serve --listen 127.0.0.1:0 --config num.partitions=4",
                "on a free port; topics that clients make have 4 partitions"
            ),
            .init(
                "millrace serve --listen SASL_SSL://0.0.0.0:9093 --config "
                    + "ssl.keystore.location=server.pem",
                "encrypted, for the users of 'millrace user'"
            ),
            .init("millrace serve --http 127.0.0.1:9100", "with a page that shows how it is"),
        ]
    ) { invocation in
        let options = try ListenOptions(invocation)
        let http = try WatchOptions(invocation)
        let settings = try ServerSettings(options.settings)
        let directory = invocation[DataDirectoryOption.parameter]
        let isNew = access("\(directory)/meta.properties", F_OK) != 0
        // Nothing is left behind by a server that cannot begin.
        if isNew { try options.requireFree(beside: http) }
        let signals = try SignalListener.start()
        let log = try OpenLog(
            directory,
            creates: true
        ) { configuration in
            settings.broker(&configuration)
            configuration.ownerNote = "millrace serve"
        }
        // A path that is mistyped, or not mounted yet, gives clients a log without their records.
        if isNew { TextOutput.error.write("made a new log in \(directory)\n") }
        let outcome = Result { try serve(log, options, http, signals) }
        let closing = Result { try log.close() }
        try outcome.get()
        try closing.get()
        return .done
    }

    private static func serve(
        _ log: OpenLog,
        _ options: ListenOptions,
        _ http: WatchOptions?,
        _ signals: SignalListener
    ) throws {
        guard let listener = try LogListener(log, options) else { return }
        defer { listener.stop() }
        let watch = try http.map { http throws in
            try WatchServer(log, http, program: "serve", probe: listener.probe)
        }
        defer { watch?.stop() }
        TextOutput.standard.write(
            listener.addresses.map { "listening on \($0)\n" }.joined()
        )
        if let watch { TextOutput.standard.write("watch at http://\(watch.address)/\n") }
        if let failure = TextOutput.standardFailure {
            // Nobody would find a port that the system chose.
            guard !options.hasChosenPort else { return }
            TextOutput.error.write("warning: the addresses could not be written: \(failure)\n")
        }
        let isRequested = ConditionLock(false)
        signals.onRequest { isRequested.update { $0 = true } }
        while isRequested.wait(atMost: .seconds(2), for: { $0 ? () : nil }) == nil {
            log.tellNews()
        }
    }
}
