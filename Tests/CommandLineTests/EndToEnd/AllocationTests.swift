import Foundation
import Testing

extension EndToEnd {
    /// Allocations for each record on the hot paths, counted in the release binary by a library
    /// that stands in for the system's `malloc`.
    @Suite(.serialized) struct AllocationTests {
        private static let recordCount = 1_000_000
        /// Batches and commits allocate, a few times in thousands of records; records must not.
        private static let allowedPerRecord = 0.01

        private let folder: TemporaryFolder

        init() throws { folder = try TemporaryFolder() }

        @Test(arguments: [["stateless"], ["count", "--keys", "10000"]])
        func `no record costs an allocation`(bench: [String]) throws {
            let binary = Millrace.root.appending(path: ".build/release/millrace")
            guard FileManager.default.isExecutableFile(atPath: binary.path) else {
                print("SKIPPED: counting allocations needs the release binary; make build makes it")
                return
            }
            let counter = try counter()
            let few = try allocations(of: bench, records: Self.recordCount, binary, counter)
            let many = try allocations(of: bench, records: 3 * Self.recordCount, binary, counter)
            let perRecord = Double(many - few) / Double(2 * Self.recordCount)
            print("ALLOCATIONS: \(bench.joined(separator: " ")): \(perRecord) for each record")
            #expect(few > 100, "nothing was counted")
            #expect(perRecord < Self.allowedPerRecord)
        }

        @Test func `the counter counts`() throws {
            let source = folder.path("program.c")
            try """
            #include <stdlib.h>
            int main(void) {
                for (int i = 0; i < 5000; i++) {
                    void *volatile memory = malloc(i + 1);
                    free(memory);
                }
            }
            """.write(toFile: source, atomically: true, encoding: .utf8)
            try compile("-O0 '\(source)' -o '\(folder.path("program"))'")
            let outcome = try Millrace.shell(
                "LD_PRELOAD='\(try counter())' '\(folder.path("program"))'"
            )
            let count = try #require(Self.count(in: outcome.errors))
            #expect((5000..<5100).contains(count))
        }

        /// The library, compiled by the toolchain's own compiler.
        private func counter() throws -> String {
            let library = folder.path("count-allocations.so")
            let source = URL(filePath: #filePath).deletingLastPathComponent()
                .appending(path: "Allocations/count-allocations.c")
            try compile("-shared -fPIC -O2 '\(source.path)' -o '\(library)'")
            return library
        }

        private func compile(_ words: String) throws {
            let outcome = try Millrace.shell(
                """
                compiler="$(dirname "$(readlink -f "$(command -v swift)")")/clang"
                [ -x "$compiler" ] || compiler=cc
                "$compiler" \(words)
                """
            )
            try #require(outcome.status == 0, "\(outcome.errors)")
        }

        private func allocations(
            of bench: [String],
            records: Int,
            _ binary: URL,
            _ counter: String
        ) throws -> Int {
            let outcome = try Millrace.shell(
                """
                LD_PRELOAD='\(counter)' '\(binary.path)' bench \(bench.joined(separator: " ")) \
                    --records \(records) --directory '\(folder.url.path)' --json
                """
            )
            #expect(outcome.status == 0, "\(outcome.errors)")
            #expect(outcome.output.contains("\"verified\":true"))
            return try #require(Self.count(in: outcome.errors), "\(outcome.errors)")
        }

        private static func count(in text: String) -> Int? {
            let line = text.split(separator: "\n").last { $0.hasPrefix("allocations ") }
            return line.flatMap { Int($0.dropFirst("allocations ".count)) }
        }
    }
}
