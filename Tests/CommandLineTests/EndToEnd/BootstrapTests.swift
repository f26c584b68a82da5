import Foundation
import Testing

extension EndToEnd {
    /// How a command reaches a cluster, and what it says where it does not.
    @Suite(.serialized) struct BootstrapTests: DirectorySuite {
        let folder: TemporaryFolder

        init() throws {
            folder = try TemporaryFolder()
            try succeed("topic", "create", "t")
        }

        private func list(_ servers: String, _ words: String...) throws -> Millrace.Outcome {
            try Millrace.tool(
                Millrace.executable,
                ["topic", "list", "--bootstrap", servers] + words,
                input: nil
            )
        }

        @Test func `of several addresses the first that answers is asked`() throws {
            let owner = try OwnerProcess.serve(data, folder)
            let address = try owner.address
            for servers in [
                "127.0.0.1:1,\(address)", "\(address),127.0.0.1:1", " 127.0.0.1:1 , \(address) ",
            ] {
                let outcome = try list(servers)
                #expect(outcome.status == 0 && outcome.output.contains("t "), "\(outcome)")
            }
            // A port that takes connections, and never says a word.
            let mute = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            defer { close(mute) }
            var name = sockaddr_in()
            name.sin_family = sa_family_t(AF_INET)
            name.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
            var length = socklen_t(MemoryLayout<sockaddr_in>.size)
            let port = try withUnsafeMutablePointer(to: &name) { pointer in
                try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                    try #require(bind(mute, pointer, length) == 0 && listen(mute, 8) == 0)
                    try #require(getsockname(mute, pointer, &length) == 0)
                }
                return UInt16(bigEndian: pointer.pointee.sin_port)
            }
            let outcome = try list("127.0.0.1:\(port),\(address)")
            #expect(outcome.status == 0 && outcome.output.contains("t "), "\(outcome)")
            try owner.stop()
        }

        @Test func `where none is reached the failure of each is told`() throws {
            let outcome = try list("127.0.0.1:1,no-such-host.invalid:9092")
            #expect(outcome.status == 1)
            let errors = outcome.errors
            #expect(errors.contains("where: 127.0.0.1:1,no-such-host.invalid:9092"), "\(errors)")
            #expect(errors.contains("127.0.0.1:1: Connection refused; nobody"), "\(errors)")
            #expect(errors.contains("'no-such-host.invalid' is not known"), "\(errors)")
        }

        @Test(arguments: ["", ",", "a:1,", "a:1,b"])
        func `what is no list of addresses is refused`(text: String) throws {
            let outcome = try list(text)
            #expect(outcome.status == 64)
            #expect(outcome.errors.contains("or several with commas between them"))
        }

        @Test func `a listener that wants a login is told at once`() throws {
            let owner = try OwnerProcess.serve(
                data,
                folder,
                on: "SASL_PLAINTEXT://127.0.0.1:0",
                settings: ["sasl.enabled.mechanisms=SCRAM-SHA-256"]
            )
            let begin = Date()
            let address = try #require(try owner.address.components(separatedBy: "//").last)
            let outcome = try list(address)
            #expect(outcome.status == 1 && Date().timeIntervalSince(begin) < 20)
            #expect(outcome.errors.contains("a listener does that wants SASL first"), "\(outcome)")
            #expect(outcome.errors.contains("with security.protocol, sasl.mechanism,"))
            try owner.stop()
        }

        @Test func `a listener without logins says so to who brings one`() throws {
            let owner = try OwnerProcess.serve(data, folder)
            let file = try folder.write(
                "client.properties",
                "security.protocol=SASL_PLAINTEXT\nsasl.mechanism=PLAIN\nsasl.username=a\n"
                    + "sasl.password=b\n"
            )
            let outcome = try list(try owner.address, "--command-config", file.path)
            #expect(outcome.status == 1)
            let errors = outcome.errors
            #expect(errors.contains("takes no login by SASL, and PLAIN was asked for"), "\(errors)")
            #expect(errors.contains("next: another security.protocol in --command-config"))
            try owner.stop()
        }

        @Test func `short commands on one directory wait for each other`() throws {
            let input = try folder.write("line", "x\n")
            let processes = try (0..<8).map { number in
                try Millrace.start(
                    Millrace.executable,
                    ["produce", "t", "--data", data],
                    input: input,
                    output: URL(filePath: folder.path("output-\(number)")),
                    errors: URL(filePath: folder.path("errors-\(number)"))
                )
            }
            for (number, process) in processes.enumerated() {
                process.waitUntilExit()
                let path = folder.path("errors-\(number)")
                let errors = try String(contentsOfFile: path, encoding: .utf8)
                #expect(process.terminationStatus == 0, "\(errors)")
            }
            let lines = try succeed("consume", "t", "--until-end").lines
            #expect(lines.count == 8)
        }
    }
}
