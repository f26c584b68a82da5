/// One line of the data: `month,day,arr_delay,carrier,origin,dest`.
struct Flight: Equatable {
    var destination: String
    /// Minutes late; negative when early.
    var arrivalDelay: Int64

    /// Nil for the heading, and for a flight that did not arrive where it should (`NA`).
    init?(line: String) {
        let fields = line.split(separator: ",", omittingEmptySubsequences: false)
        guard fields.count == 6, let delay = Int64(fields[2]) else { return nil }
        destination = String(fields[5])
        arrivalDelay = delay
    }
}
