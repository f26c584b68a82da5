import Testing

@testable import DirectoryAccess

@Suite struct RunningJobTests {
    @Test(
        arguments: [
            ("process 4711 (the job word-count)", "word-count"), ("process 4711", nil),
            ("process 4711 (millrace serve)", nil), ("", nil), (")(", nil),
            ("process 1 (the job )", nil), ("process 1 (the job ../x)", nil),
        ] as [(String, String?)]
    )
    func `the owner tells the job that it is`(owner: String, job: String?) {
        #expect(RunningJob.job(ofOwner: owner) == job)
    }

    @Test func `what a job writes into the lock file is what is read there`() {
        let note = RunningJob.ownerNote(of: "a.b-c")
        #expect(RunningJob.job(ofOwner: "process 1 (\(note))\n") == "a.b-c")
    }
}
