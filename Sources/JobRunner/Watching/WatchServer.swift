package import BrokerAPI
import BrokerServer
package import DirectoryAccess
import HTTPServer
import LogModel
import Telemetry
package import Terminal

/// Tells over HTTP how a log and a job are.
///
///     /           a page for people
///     /metrics    Prometheus's text, or OpenMetrics
///     /health     200, or 503 and the reasons
///     /ready      200 once the process does what it is for, else 503
///     /api/state  what the page draws, as JSON
package struct WatchServer {
    private let server: HTTPServer
    private let sampler: SlowSampler
    private let watch: Watch
    /// Where it listens, with the port that it got.
    package let address: String

    /// Listens from here on. `program` is what the process is, `probe` that of the log's listener.
    package init(
        _ log: OpenLog,
        _ options: WatchOptions,
        program: String,
        probe: APIProbe?
    ) throws(CommandFailure) {
        let sampler = SlowSampler(log.broker)
        let watch = Watch(log.broker, probe, sampler)
        var configuration = HTTPConfiguration()
        // A page of elsewhere, whose name was made to lead here, could read what is told here.
        if options.address.isLoopback {
            configuration.acceptsHost = { Self.isLoopback($0) }
        }
        do throws(HTTPServerError) {
            server = try HTTPServer(
                host: options.address.host,
                port: options.address.port,
                configuration: configuration
            ) { Self.answer($0, watch, program) }
        } catch {
            throw CommandFailure(
                "nothing is told over HTTP",
                place: "\(options.address)",
                reason: error.description,
                next: "another --http; port 0 takes a free one"
            )
        }
        sampler.start()
        self.sampler = sampler
        self.watch = watch
        address = "\(ListenAddress(host: options.address.host, port: server.port))"
    }

    /// From here on a job is part of what is told.
    func watch(_ job: WatchedJob) { watch.watch(job) }

    /// Once nothing is told any more the log may close.
    package func stop() {
        server.stop()
        sampler.stop()
    }

    private static func isLoopback(_ host: String) -> Bool {
        // Names of hosts are the same in all cases of their letters.
        let host = host.lowercased()
        return (ListenAddress(host) ?? ListenAddress("\(host):80"))?.isLoopback ?? false
    }

    // MARK: Answers

    private static func answer(
        _ request: HTTPRequest,
        _ watch: Watch,
        _ program: String
    ) -> HTTPResponse {
        switch request.path {
        case "/": return WatchPage.response()
        case "/metrics": return metrics(watch, MetricsText.Format(accept: request.accept))
        case "/health":
            let health = WatchHealth(watch.look())
            return json(health.json + "\n", isGood: health.isHealthy)
        case "/ready":
            let health = WatchHealth(watch.look())
            return json(health.readinessJSON + "\n", isGood: health.unreadiness == nil)
        case "/api/state":
            return json(StateDocument(sample: watch.look(), program: program).json, isGood: true)
        default:
            return HTTPResponse(
                status: 404,
                line: "there is nothing here; see /, /metrics, /health, /ready, /api/state"
            )
        }
    }

    private static func json(_ text: String, isGood: Bool) -> HTTPResponse {
        HTTPResponse(
            status: isGood ? 200 : 503,
            contentType: "application/json",
            body: Array(text.utf8)
        )
    }

    private static func metrics(_ watch: Watch, _ format: MetricsText.Format) -> HTTPResponse {
        let clock = SystemTimeSource()
        let begin = clock.monotonicNanoseconds()
        let sample = watch.look()
        var text = MetricsText(format)
        text.addLog(sample)
        if let job = sample.job { text.addJob(job) }
        text.addProcess(ProcessFacts())
        text.add(
            "millrace_scrape_seconds",
            .gauge,
            Double(clock.monotonicNanoseconds() &- begin) / 1e9,
            unit: .seconds,
            help: "Time that it took to make this text."
        )
        return HTTPResponse(contentType: format.contentType, body: text.finish())
    }
}
