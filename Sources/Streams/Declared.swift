/// Ends the program, with a word, where what a job declares cannot mean anything: a `precondition`
/// says nothing in an optimised build, which is what a job runs in.
@usableFromInline
func requireDeclared(_ isSound: Bool, _ message: @autoclosure () -> String) {
    guard isSound else { fatalError(message()) }
}
