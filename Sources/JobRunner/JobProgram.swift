import DirectoryAccess
import Streams
import StreamsRuntime
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
            ],
            exits: RunOptions.exits
        ) { invocation in
            let options = try RunOptions(invocation)
            return try JobRun(topology: topology(), options: options).run()
        }
        let describe = Command(
            "describe",
            summary: "print the topology",
            parameters: DescribeFormat.parameters,
            examples: [.init("\(name) describe --format mermaid", "as a flow chart")]
        ) { invocation in
            let specification = try topology().specification
            let counts = DescribeFormat.partitionCounts(
                of: specification,
                in: invocation[DataDirectoryOption.parameter]
            )
            switch invocation[DescribeFormat.parameter] {
            case .text: TextOutput.standard.write(specification.text(counts))
            case .mermaid: TextOutput.standard.write(specification.mermaid(counts))
            case .json: TextOutput.standard.write(specification.json(counts))
            }
            return .done
        }
        let plan = Command(
            "plan",
            summary: "say what deploying the job would change",
            parameters: PlanOptions.parameters,
            examples: [.init("\(name) plan --data ./millrace-data", "2 if it would be refused")],
            exits: [.init("2", "the job would be refused")]
        ) { invocation in
            let options = PlanOptions(invocation)
            let specification = try topology().specification
            let plan = DeploymentPlan(
                specification,
                over: try DeployedJob(specification.job, in: options.dataDirectory)
            )
            TextOutput.standard.write(options.json ? plan.json : plan.text)
            return plan.isCompatible ? .done : .found
        }
        let root = Command(
            name,
            summary: "a Millrace job",
            examples: [.init("\(name) run --until-caught-up", "process what is there, then end")],
            subcommands: [run, plan, describe]
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
