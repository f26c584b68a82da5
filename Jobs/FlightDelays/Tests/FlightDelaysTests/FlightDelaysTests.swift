import Millrace
import MillraceTestKit
import Testing

@testable import FlightDelays

@Test func `a line is a flight that arrived, or none`() {
    let flight = Flight(line: "1,1,11,UA,EWR,IAH")
    #expect(flight?.destination == "IAH")
    #expect(flight?.arrivalDelay == 11)
    #expect(Flight(line: "month,day,arr_delay,carrier,origin,dest") == nil)
    #expect(Flight(line: "1,1,NA,UA,EWR,IAH") == nil)
}

@Test func `a destination has its arrivals, their minutes and the longest delay`() throws {
    let engine = try TestEngine(FlightDelays(), partitions: 2)
    for delay in ["11", "-5", "NA", "20"] {
        try engine.send("1,1,\(delay),UA,EWR,IAH", to: Topics.flights)
    }
    try engine.run()
    let delays = try engine.read(Topics.delays)
    #expect(delays.map(\.key) == ["IAH", "IAH", "IAH"])
    #expect(delays.last?.value == Delays(arrivals: 3, minutesLate: 26, maximum: 20))
}
