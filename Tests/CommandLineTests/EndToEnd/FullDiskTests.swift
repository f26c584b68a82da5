import Foundation
import LogClient
import StreamsRuntime
import Terminal
import Testing

@testable import DirectoryAccess

extension EndToEnd {
    /// A file system that is too small for what is to be done on it.
    @Suite(.serialized) struct FullDiskTests {
        private let folder: TemporaryFolder

        init() throws { folder = try TemporaryFolder() }

        /// The script with a file system of 24 MB in the folder, which goes with the script.
        private func withSmallDisk(_ script: String) throws -> Millrace.Outcome? {
            let place = folder.path("disk")
            try FileManager.default.createDirectory(
                atPath: place,
                withIntermediateDirectories: true
            )
            let mount = "mount -t tmpfs -o size=24m none '\(place)'"
            guard try Millrace.shell("unshare -m sh -c \"\(mount)\"").status == 0 else {
                print("SKIPPED: this process may not mount a small file system")
                return nil
            }
            let file = try folder.write("script", "\(mount) && cd '\(place)'\n\(script)\n")
            return try Millrace.shell("unshare -m bash '\(file.path)'")
        }

        @Test func `a new job without room for its topics is told what helps`() throws {
            let job = folder.path("WordCount")
            try FileManager.default.createSymbolicLink(
                at: URL(filePath: job),
                withDestinationURL: Millrace.executable.deletingLastPathComponent()
                    .appending(path: "JobsUnderTest")
            )
            let millrace = "'\(Millrace.executable.path)'"
            let outcome = try withSmallDisk(
                """
                \(millrace) topic create lines word-counts --data data || exit 90
                echo a rose | \(millrace) produce lines --data data || exit 91
                head -c 12000000 /dev/zero > filler
                '\(job)' run --data data --until-caught-up
                """
            )
            guard let outcome else { return }
            #expect(outcome.status == 1, "\(outcome.errors)")
            #expect(outcome.errors.contains("error: the job stopped\n"), "\(outcome.errors)")
            #expect(outcome.errors.contains("  where: data\n"), "\(outcome.errors)")
            #expect(outcome.errors.contains("no space left for word-count-"), "\(outcome.errors)")
            #expect(outcome.errors.contains("  next: free some space"), "\(outcome.errors)")
        }

        @Test func `a topic that an owner has no room for is said to be not made`() throws {
            let millrace = "'\(Millrace.executable.path)'"
            let outcome = try withSmallDisk(
                """
                coproc exec \(millrace) serve --data data --listen 127.0.0.1:0
                pid=$COPROC_PID
                read -r line <&"${COPROC[0]}"
                head -c 24000000 /dev/zero > filler
                \(millrace) topic create t --partitions 50 --data data; status=$?
                rm filler; kill -TERM $pid; wait $pid; exit $status
                """
            )
            guard let outcome else { return }
            #expect(outcome.status == 1, "\(outcome.errors)")
            #expect(outcome.errors.contains("error: the topic 't' was not made\n"), "\(outcome)")
        }
    }
}

/// What is said of the errors that stop a job.
@Suite struct StoppedJobTests {
    @Test func `damage and want of room come with what helps`() {
        let full = StreamsError(code: .store, message: "s: full", cause: .full("s: full"))
        let told = CommandFailure(explaining: full, data: "/data")
        #expect(told.what == "the job stopped" && told.place == "/data")
        #expect(told.next?.hasPrefix("free some space") == true)
        let damaged = StreamsError(code: .log, message: "bad", cause: .corrupt("bad"))
        let next = CommandFailure(explaining: damaged, data: "/data").next
        #expect(next == "millrace log verify --data /data")
    }

    @Test func `other errors are told as they are`() {
        let other = StreamsError(code: .processing, message: "it was refused")
        let told = CommandFailure(explaining: other, data: "/data")
        #expect(told.place == nil && told.next == nil && told.reason == "it was refused")
    }
}
