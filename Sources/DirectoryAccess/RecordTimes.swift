package import LogModel
import Telemetry

/// A time in UTC, to the millisecond.
package func utcText(_ time: Timestamp) -> String {
    CalendarTime(millisecondsSince1970: time.rawValue).text
}

/// How long before `now` a time is; nothing for one that is to come.
package func age(of time: Timestamp, at now: Timestamp) -> Duration {
    let (milliseconds, overflows) = now.rawValue.subtractingReportingOverflow(time.rawValue)
    return .milliseconds(overflows ? 0 : max(milliseconds, 0))
}
