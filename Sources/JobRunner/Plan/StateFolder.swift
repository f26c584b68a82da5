/// Where the stores of all jobs lie.
enum StateFolder {
    /// A partition's folder ends in a number: this is none.
    static func path(in directory: String) -> String { "\(directory)/.millrace/state" }
}
