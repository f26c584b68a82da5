import Testing

@Suite struct `A job after a power loss` {
    @Test(arguments: [UInt64(31), 32])
    func `counts every word exactly once and wipes no store`(seed: UInt64) throws {
        var exploration = CrashExploration(
            name: "job \(seed)",
            filter: "CrashTests.*A job after a power loss",
            seed: seed,
            statesPerMoment: 5
        )
        let moments = try JobWorkload(seed: seed, lineCount: 8).run()
        let verification = JobVerification()
        exploration.explore(moments) { try verification.verify(&$0) }
        exploration.finish(
            atLeast: 1_400,
            meeting: [.crashInRecovery, .storeBehind, .restoredFromNothing]
        )
    }
}
