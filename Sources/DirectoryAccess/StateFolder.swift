/// Where the stores of all jobs lie.
package enum StateFolder {
    /// A partition's folder ends in a number: this is none.
    package static func path(in directory: String) -> String { "\(directory)/.millrace/state" }
}
