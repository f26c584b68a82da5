import Foundation
import Terminal
import Testing

@testable import RunCommands

/// The words of the package manager that it waits for another build.
@Suite struct BuildWaitTests {
    @Test func `the process and its folder are told`() {
        let wait = BuildWait(
            Data(
                ("Another instance of SwiftPM (PID: 42) is already running using '/a b/c', "
                    + "waiting until that process has finished execution...").utf8
            )
        )
        #expect(wait?.words == "the build waits for another one, of process 42, in /a b/c")
    }

    @Test func `a line that tells neither is still told`() {
        let wait = BuildWait(Data("x\nAnother instance of SwiftPM is running\n".utf8))
        #expect(wait?.words == "the build waits for another one")
    }

    @Test(arguments: ["", "Building for production...\n", "error: another instance\n"])
    func `other words are no waiting`(text: String) {
        #expect(BuildWait(Data(text.utf8)) == nil)
    }
}

/// Why a job was not built, by what the package manager printed.
@Suite struct BuildEndTests {
    @Test(arguments: [
        ("error: compile command failed due to signal 9 (use -v to see invocation)", "SIGKILL"),
        ("error: compile command failed due to signal 6 (use -v)\nStack dump:", "signal 6"),
        ("error: linker command failed due to signal (use -v to see invocation)", "SIGKILL"),
        ("main.swift:3:5: error: cannot find 'x' in scope", nil),
    ])
    func `a compiler that was ended is no fault of the job`(output: String, words: String?) {
        let failure = JobBuilder.failure(of: ToolProcess(status: 1, output: output), "my job")
        #expect(failure.place == "my job")
        if let words {
            #expect(failure.what.contains(words) && failure.what.contains("broken off"))
            #expect(failure.next?.contains("correct the job") == false)
        } else {
            #expect(failure.what == "the job does not compile")
        }
    }
}
