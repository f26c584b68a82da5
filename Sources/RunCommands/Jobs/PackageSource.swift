import Foundation

/// Where a new job takes the Millrace package from, as its manifest has it.
enum PackageSource: Equatable {
    /// A folder on this machine. `millrace run` says where its own package is, so that the job goes
    /// on when that one, or the job, has moved; without that word it is where it was.
    case folder(String)
    /// A Git repository, as SwiftPM fetches it.
    case repository(url: String, Requirement)

    enum Requirement: Equatable {
        case version(String)
        case branch(String)
    }

    /// The manifest's lines.
    var lines: String {
        switch self {
        case .folder(let path):
            """
                dependencies: [
                    .package(
                        name: "Millrace",
                        path: Context.environment["MILLRACE_HOME"] ?? \(literal(path))
                    )
                ],

            """
        case .repository(let url, let requirement):
            """
                dependencies: [.package(url: \(literal(url)), \(requirement.words))],

            """
        }
    }

    /// What the package manager tells the package from others by.
    var identities: Set<String> {
        switch self {
        case .folder(let path):
            let given = URL(filePath: path).standardizedFileURL.lastPathComponent
            return [given.lowercased(), Self.identity(ofFolder: path)]
        case .repository: return [productPackage.lowercased()]
        }
    }

    /// What the package manager tells the package in a folder from others by: the folder's name,
    /// however it is written, behind links.
    static func identity(ofFolder path: String) -> String {
        URL(filePath: path).standardizedFileURL.resolvingSymlinksInPath().lastPathComponent
            .lowercased()
    }

    /// What the package is called where its products are named: a repository by the last part of
    /// its URL.
    var productPackage: String {
        switch self {
        case .folder: return "Millrace"
        case .repository(let url, _):
            let name = url.split { $0 == "/" || $0 == ":" }.last.map(String.init) ?? url
            return name.hasSuffix(".git") ? String(name.dropLast(4)) : name
        }
    }
}

extension PackageSource {
    /// Whether a text can be where SwiftPM fetches a repository from. What has no scheme is a path
    /// for it, below the job's folder if it does not begin at the root: nobody means that one.
    static func isRepository(_ text: String) -> Bool {
        guard !text.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7F }) else {
            return false
        }
        func isPath(_ text: Substring) -> Bool {
            text.hasPrefix("/") && text.contains { $0 != "/" }
        }
        if let path = text.wholeMatch(of: /(?:file:\/\/|~)?(\/.*)/) { return isPath(path.1) }
        if let url = text.wholeMatch(of: /(?:https?|ssh|git):\/\/[^\/\s]+(\/[^\s]*)/) {
            return isPath(url.1)
        }
        // As ssh has it: `git@host:path`.
        return text.wholeMatch(of: /[^\/\s:@]+@[^\/\s:@]+:[^\s]+/) != nil
    }
}

extension PackageSource.Requirement {
    fileprivate var words: String {
        switch self {
        case .version(let version): "exact: \(literal(version))"
        case .branch(let branch): "branch: \(literal(branch))"
        }
    }
}

/// A text as Swift writes it in source.
func literal(_ text: String) -> String {
    "\"" + text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
}
