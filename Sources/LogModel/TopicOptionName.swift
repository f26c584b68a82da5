/// Options by which a job says in its own topics whose they are, and what their records are in
/// bytes; the log keeps them and does not read them.
package enum TopicOptionName {
    /// `job/name`: the job, and its store or repartition.
    package static let owner = "millrace.owner"
    /// The layout and the serdes, in one word.
    package static let format = "millrace.format"
    /// What is wrong with partitions, a line each: told by a server, set by nobody.
    package static let trouble = "millrace.trouble"
}
