import KafkaClient
import LogModel
import Terminal
import Testing

@testable import ClientCommands

/// What is told of a change that failed, and of one of which nobody knows.
@Suite struct ChangeFailureTests {
    private static let address = KafkaAddress.network(host: "h", port: 1)

    private func told(_ error: KafkaClientError) -> String {
        ServedLog.changeFailure("the rules", .were, "made", .directory("d"), error).text
    }

    @Test func `a change whose answer was lost is not said to be undone`() {
        for error in [
            KafkaClientError.lost(Self.address, request: "CreateAcls", "it took too long"),
            .nonsense(Self.address, "it is none"),
            .refused(.kafkaStorageError, about: "the rules", ""),
        ] {
            let text = told(error)
            #expect(text.contains("it is not known whether the rules were made"), "\(text)")
            #expect(text.contains("next: look at what is there"), "\(text)")
            #expect(!text.contains("not made"), "\(text)")
        }
    }

    @Test func `a change that was refused is said to be undone`() {
        for error in [
            KafkaClientError.unreachable(Self.address, "Connection refused"),
            .refused(.topicAuthorizationFailed, about: "the rules", ""),
        ] {
            #expect(told(error).contains("the rules were not made"))
        }
    }
}
