/// A command line that was understood: the command and the values of its parameters.
package struct Invocation: Sendable {
    /// The words that led to the command, the program's name first.
    package let path: [String]
    private var values: [String: any Sendable]
    /// The names of those that stand on the command line.
    private let given: Set<String>

    /// Reads `texts` (by parameter name) as the parameters of `command` say.
    init(path: [String], command: Command, texts: [String: [String]]) throws(UsageError) {
        self.path = path
        values = [:]
        given = Set(texts.filter { !$0.value.isEmpty }.keys)
        for declaration in command.parameters {
            do {
                values[declaration.name] = try declaration.box(texts[declaration.name] ?? [])
            } catch {
                throw UsageError(error.message, suggestion: error.suggestion, path: path)
            }
        }
    }

    /// The value of a parameter that the command declares.
    package subscript<Value>(_ parameter: Parameter<Value>) -> Value {
        guard let box = values[parameter.declaration.name] as? Box<Value> else {
            preconditionFailure("\(path) does not declare \(parameter.declaration.name)")
        }
        return box.value
    }

    /// Refuses parameters that mean nothing where they are given.
    package func refuse(
        _ declarations: [ParameterDeclaration],
        because reason: String
    ) throws(UsageError) {
        guard let name = declarations.map(\.name).first(where: { given.contains($0) }) else {
            return
        }
        throw UsageError("--\(name) \(reason)")
    }
}
