import Testing

@Suite struct `Transactions and offsets after a power loss` {
    @Test(arguments: BrokerScript.all)
    func `have one outcome that never changes`(script: BrokerScript) throws {
        var exploration = CrashExploration(
            name: "broker, \(script.name)",
            filter: "CrashTests.*Transactions and offsets after a power loss",
            seed: 20_260_102,
            statesPerMoment: script.statesPerMoment
        )
        let moments = try BrokerWorkload(script).run()
        let verification = BrokerVerification()
        exploration.explore(moments) { try verification.verify(&$0) }
        exploration.finish(atLeast: script.minimumStateCount, meeting: script.rareStates)
    }
}
