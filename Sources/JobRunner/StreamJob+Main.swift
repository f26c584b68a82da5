public import Streams
import Terminal

extension StreamJob {
    /// The job's command line: `run` and `describe`, with the options that `millrace` hands on.
    ///
    ///     @main struct WordCount: StreamJob { … }
    public static func main() {
        JobProgram(makeTopology: { () throws(TopologyError) in try Topology(of: Self()) })
            .program(named: Self.name)
            .main()
    }
}
