import Testing

@Suite struct `A directory of partitions after a power loss` {
    @Test(arguments: LogScript.all)
    func `shows all that was acked and nothing invented`(script: LogScript) throws {
        var exploration = CrashExploration(
            name: "log, \(script.name)",
            filter: "CrashTests.*partitions after a power loss",
            seed: 20_260_101,
            statesPerMoment: script.statesPerMoment
        )
        let moments = try LogWorkload(script).run()
        let verification = LogVerification(script: script)
        exploration.explore(moments) { try verification.verify(&$0) }
        exploration.finish(atLeast: script.minimumStateCount, meeting: script.rareStates)
    }
}
