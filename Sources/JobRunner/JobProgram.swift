import Streams
import Terminal

/// The command line of a job's own binary.
struct JobProgram: Sendable {
    let makeTopology: @Sendable () throws(TopologyError) -> Topology

    func program(named name: String) -> Program {
        let run = Command(
            "run",
            summary: "process the job's input",
            parameters: RunOptions.parameters,
            examples: [
                .init("\(name) run --data ./millrace-data --until-caught-up", "one pass")
            ]
        ) { invocation in
            let options = try RunOptions(invocation)
            return try JobRun(topology: topology(), options: options).run()
        }
        let describe = Command(
            "describe",
            summary: "print the topology",
            parameters: [DescribeFormat.parameter.declaration],
            examples: [.init("\(name) describe --format mermaid", "as a flow chart")]
        ) { invocation in
            let specification = try topology().specification
            switch invocation[DescribeFormat.parameter] {
            case .text: TextOutput.standard.write(specification.text)
            case .mermaid: TextOutput.standard.write(specification.mermaid)
            case .json: TextOutput.standard.write(specification.json)
            }
            return .done
        }
        let root = Command(
            name,
            summary: "a Millrace job",
            examples: [.init("\(name) run --until-caught-up", "process what is there, then end")],
            subcommands: [run, describe]
        )
        return Program(root, explain: CommandFailure.explaining)
    }

    private func topology() throws(CommandFailure) -> Topology {
        do {
            return try makeTopology()
        } catch {
            throw CommandFailure(
                "the topology cannot run",
                reason: error.message,
                next: "correct the job's topology and run it again"
            )
        }
    }
}
