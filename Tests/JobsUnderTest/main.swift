import Millrace

@testable import DedupTemplate
@testable import DlqTemplate
@testable import FlightDelays
@testable import FlightWeather
@testable import JoinTemplate
@testable import Orders
@testable import SagaTemplate
@testable import Sessions
@testable import WindowTemplate
@testable import WordCount
@testable import WordCountTemplate

// Is the job that it is called by: a link of a job's name to this program is that job, as
// `millrace run` takes a built one.
let jobs: [String: () -> Void] = [
    "DedupTemplate": DedupTemplate.main,
    "DlqTemplate": DlqTemplate.main,
    "FlightDelays": FlightDelays.main,
    "FlightWeather": FlightWeather.main,
    "JoinTemplate": JoinTemplate.main,
    "Orders": Orders.main,
    "SagaTemplate": SagaTemplate.main,
    "Sessions": Sessions.main,
    "Trapping": Trapping.main,
    "WindowTemplate": WindowTemplate.main,
    "WordCount": WordCount.main,
    "WordCountTemplate": WordCountTemplate.main,
]
let name = CommandLine.arguments[0].split(separator: "/").last.map(String.init) ?? ""
guard let run = jobs[name] else {
    preconditionFailure("called as \(name), which is none of \(jobs.keys.sorted())")
}
run()
