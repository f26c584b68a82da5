import Glibc
import Testing

@testable import HTTPServer

@Suite struct HTTPServerTests {
    private func serving(
        _ change: (inout HTTPConfiguration) -> Void = { _ in },
        _ body: (UInt16) throws -> Void
    ) throws {
        var configuration = HTTPConfiguration()
        change(&configuration)
        let server = try HTTPServer(
            host: "127.0.0.1",
            port: 0,
            configuration: configuration
        ) { request in
            guard request.path == "/hello" else {
                return HTTPResponse(status: 404, line: "nothing at \(request.path)")
            }
            return HTTPResponse(status: 200, line: "hello, \(request.accept)")
        }
        defer { server.stop() }
        try body(server.port)
    }

    @Test func `a path is answered, and what accepts it is told`() throws {
        try serving { port in
            let answer = try WebClient.ask(port, "GET", "/hello?a=b", headers: "Accept: you\r\n")
            #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\n"), "\(answer)")
            #expect(answer.hasSuffix("\r\n\r\nhello, you\n"))
            #expect(answer.contains("X-Content-Type-Options: nosniff\r\n"))
            #expect(answer.contains("Cache-Control: no-store\r\n"))
        }
    }

    @Test func `a head has no body, and tells its length`() throws {
        try serving { port in
            let answer = try WebClient.ask(port, "HEAD", "/hello")
            #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\n"))
            #expect(answer.contains("Content-Length: 8\r\n"), "\(answer)")
            #expect(answer.hasSuffix("\r\n\r\n"))
        }
    }

    @Test func `a path that nothing is at is not found`() throws {
        try serving { port in
            let answer = try WebClient.ask(port, "GET", "/%2e%2e/x")
            #expect(answer.hasPrefix("HTTP/1.1 404 "))
            #expect(answer.hasSuffix("nothing at /../x\n"), "\(answer)")
        }
    }

    @Test(arguments: ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "BREW"])
    func `what would change something is refused`(method: String) throws {
        try serving { port in
            let answer = try WebClient.ask(port, method, "/hello")
            #expect(answer.hasPrefix("HTTP/1.1 405 "), "\(answer)")
            #expect(answer.contains("Allow: GET, HEAD\r\n"))
        }
    }

    @Test(arguments: ["Content-Length: 1000000000\r\n", "Transfer-Encoding: chunked\r\n"])
    func `a body is refused before it comes`(header: String) throws {
        try serving { port in
            let answer = try WebClient.ask(port, "GET", "/hello", headers: header)
            #expect(answer.hasPrefix("HTTP/1.1 413 "), "\(answer)")
        }
    }

    @Test func `a request under a name of elsewhere is refused`() throws {
        try serving({ $0.acceptsHost = { $0 == "localhost" } }) { port in
            #expect(try WebClient.ask(port, "GET", "/hello").hasPrefix("HTTP/1.1 200 "))
            let client = try WebClient(port: port)
            try client.send("GET /hello HTTP/1.1\r\nHost: attacker.example\r\n\r\n")
            #expect(client.readAll().hasPrefix("HTTP/1.1 403 "))
        }
    }

    @Test func `headers beyond the limit are refused`() throws {
        try serving { port in
            let client = try WebClient(port: port)
            try? client.send(
                "GET /hello HTTP/1.1\r\nHost: localhost\r\nX: "
                    + String(repeating: "x", count: 1 << 20)
            )
            let answer = client.readAll()
            #expect(answer.isEmpty || answer.hasPrefix("HTTP/1.1 431 "), "\(answer)")
            // The server is there for others.
            #expect(try WebClient.ask(port, "GET", "/hello").hasPrefix("HTTP/1.1 200 "))
        }
    }

    @Test func `who sends a byte now and then is cut off at the deadline`() throws {
        try serving({ $0.requestTimeout = .seconds(1) }) { port in
            let client = try WebClient(port: port)
            try client.send("GET /hello HTTP/1.1\r\nHost: localhost\r\nX: ")
            let clock = ContinuousClock()
            let begin = clock.now
            while !client.isReadable(within: 100), clock.now - begin < .seconds(20) {
                try? client.send("x")
            }
            #expect(client.readAll().isEmpty)
            #expect(clock.now - begin < .seconds(20))
        }
    }

    @Test func `a connection on which nothing happens is closed`() throws {
        try serving({ $0.idleTimeout = .seconds(1) }) { port in
            let client = try WebClient(port: port)
            #expect(client.isReadable(within: 20_000))
            // Closed, with or without the word for it.
            let said = client.readAll()
            #expect(said.isEmpty || said.hasPrefix("HTTP/1.1 408 "), "\(said)")
        }
    }

    /// They hold their own connections until their time is over, and nobody else's.
    @Test func `half requests, more than there is room for, hold up nobody`() throws {
        let long: (inout HTTPConfiguration) -> Void = {
            $0.connectionLimit = 16
            $0.requestTimeout = .seconds(3600)
            $0.idleTimeout = .seconds(3600)
        }
        try serving(long) { port in
            let halves = try (0..<100).map { _ in
                let client = try WebClient(port: port)
                try client.send("GET /hello HTTP/1.1\r\nHost: localhost\r\nX: ")
                return client
            }
            for _ in 0..<10 {
                #expect(try WebClient.ask(port, "GET", "/hello").hasPrefix("HTTP/1.1 200 "))
            }
            // Those that came last have their turn still.
            let last = try #require(halves.last)
            try last.send("y\r\nConnection: close\r\n\r\n")
            #expect(last.readAll().hasPrefix("HTTP/1.1 200 "))
        }
    }

    @Test func `200 connections at once are all answered, some after others`() throws {
        try serving { port in
            let request = "GET /hello HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
            let waiting = try (0..<150).map { _ in try WebClient(port: port) }
            for client in waiting { try client.send(request) }
            let late = try (0..<50).map { _ in
                let client = try WebClient(port: port)
                try client.send(request)
                return client
            }
            let answers = (waiting + late).map { $0.readAll() }
            #expect(answers.count { $0.hasPrefix("HTTP/1.1 200 ") } == 200)
        }
    }

    @Test func `a stop does not wait for a client that hangs`() throws {
        let clock = ContinuousClock()
        var begin = clock.now
        var hanging: WebClient?
        try serving { port in
            let client = try WebClient(port: port)
            try client.send("GET /hello HT")
            // The server has seen it once another one is answered.
            #expect(try WebClient.ask(port, "GET", "/hello").hasPrefix("HTTP/1.1 200 "))
            hanging = client
            begin = clock.now
        }
        #expect(clock.now - begin < .seconds(5))
        #expect(hanging?.readAll() == "")
    }

    @Test func `a port that is taken is told as that`() throws {
        try serving { port in
            #expect(
                throws: HTTPServerError.cannotListen(
                    host: "127.0.0.1",
                    port: port,
                    reason: "Address already in use"
                )
            ) {
                try HTTPServer(host: "127.0.0.1", port: port) { _ in
                    HTTPResponse(status: 200, line: "")
                }
            }
        }
    }
}

@Suite struct ConnectionDeadlinesTests {
    @Test func `a connection is late once, counted from its last answer`() {
        var deadlines = ConnectionDeadlines(timeoutNanoseconds: 100)
        deadlines.begin(1, at: 0)
        deadlines.begin(2, at: 50)
        #expect(deadlines.takeOverdue(at: 99).isEmpty)
        deadlines.begin(1, at: 99)
        #expect(deadlines.takeOverdue(at: 150) == [2])
        #expect(deadlines.takeOverdue(at: 198).isEmpty)
        #expect(deadlines.takeOverdue(at: 199) == [1])
        #expect(deadlines.takeOverdue(at: 1000).isEmpty)
    }

    @Test func `of too many those go that have waited longest and said nothing new`() {
        let second: UInt64 = 1_000_000_000
        var deadlines = ConnectionDeadlines(timeoutNanoseconds: 100 * second)
        for socket in Int32(1)...6 { deadlines.begin(socket, at: UInt64(socket)) }
        deadlines.answer(1)
        #expect(deadlines.takeExcess(above: 6, at: second) { _ in false }.isEmpty)
        #expect(deadlines.takeExcess(above: 4, at: second) { $0 == 2 } == [3, 4])
        #expect(deadlines.count == 4)
        // An answer is left to be taken for a second.
        #expect(deadlines.takeExcess(above: 0, at: second) { $0 == 2 } == [5, 6])
        #expect(deadlines.takeExcess(above: 1, at: second + 1) { $0 == 2 } == [1])
        deadlines.begin(1, at: 7)
        deadlines.answer(2)
        #expect(deadlines.takeExcess(above: 0, at: 2 * second) { _ in false } == [1, 2])
    }

    @Test func `a connection that has ended is never late`() {
        var deadlines = ConnectionDeadlines(timeoutNanoseconds: 100)
        deadlines.begin(1, at: 0)
        deadlines.end(1)
        #expect(deadlines.count == 0)
        #expect(deadlines.takeOverdue(at: .max).isEmpty)
    }
}
