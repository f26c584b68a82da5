import Foundation
import FoundationErrors
import Terminal
import Testing

/// Errors of Foundation's in the words of the system.
@Suite struct SystemWordsTests {
    @Test(arguments: [
        (CocoaError.Code.fileWriteOutOfSpace, "No space left on device"),
        (.fileNoSuchFile, "No such file or directory"),
        (.fileReadNoPermission, "Permission denied"),
        (.fileWriteUnknown, "it could not be written"),
        (.userCancelled, "the system did not say why"),
    ])
    func `a code has words`(code: CocoaError.Code, words: String) {
        #expect(systemWords(of: CocoaError(code)) == words)
    }

    @Test func `what the system met goes before what Foundation makes of it`() throws {
        let cause = POSIXError(.ENOTDIR)
        let error = CocoaError(.fileWriteUnknown, userInfo: [NSUnderlyingErrorKey: cause])
        #expect(systemWords(of: error) == "Not a directory")
        #expect(systemWords(of: cause) == "Not a directory")
        let folder = try TemporaryFolder()
        let file = try folder.write("file", "")
        let met = #expect(throws: (any Error).self) {
            try FileManager.default.contentsOfDirectory(atPath: file.path)
        }
        #expect(met.map(systemWords) == "Not a directory")
    }

    @Test func `other errors say what they are`() {
        #expect(foundationWords(of: UsageError("no")) == nil)
        #expect(systemWords(of: CommandFailure("it broke")).contains("it broke"))
    }
}
