import Foundation
import Testing

@testable import MillraceCommand

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
