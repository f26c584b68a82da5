import LogClient
import StateStores
import Streams

/// What the errors of the layers below mean to the owner of a job.
extension StreamsError {
    init(_ reason: CommitCycle.Stop) {
        switch reason {
        case .fenced(let text): self.init(code: .fenced, message: text)
        case .failed(let error): self.init(code: .log, message: "\(error)")
        }
    }

    /// Runs `body`, making every error one of this module's.
    static func translating(_ body: () throws -> Void) throws(StreamsError) {
        do { try body() } catch let error as StreamsError {
            throw error
        } catch let error as LogClientError {
            if case .fenced(let text) = error { throw StreamsError(code: .fenced, message: text) }
            throw StreamsError(code: .log, message: "\(error)")
        } catch let error as StoreError {
            throw StreamsError(code: .store, message: "\(error.path): \(error.message)")
        } catch {
            throw StreamsError(code: .processing, message: "\(error)")
        }
    }
}

extension Topology {
    /// The topics that its sinks write to.
    var sinkTopics: Set<String> {
        Set(
            specification.operators.compactMap { item -> String? in
                if case .sink(let topic, _, _) = item.kind { return topic }
                return nil
            }
        )
    }
}
