import Foundation
import Terminal

/// The Millrace package that jobs are built against, found from where this program lies.
struct MillraceHome {
    let path: String

    /// Where every job of this checkout is built, so that Millrace is compiled once for all.
    var buildPath: String {
        ProcessInfo.processInfo.environment["MILLRACE_BUILD"] ?? "\(path)/.build-jobs"
    }

    static func find() throws(CommandFailure) -> MillraceHome {
        if let given = ProcessInfo.processInfo.environment["MILLRACE_HOME"] {
            guard isMillrace(given) else {
                throw CommandFailure(
                    "MILLRACE_HOME is not the Millrace package",
                    place: given,
                    reason: "its Package.swift does not declare Millrace",
                    next: "export MILLRACE_HOME=<the folder of the checkout>"
                )
            }
            return MillraceHome(path: given)
        }
        var folder = Executable.path.deletingLastPathComponent()
        while folder.path != "/" {
            if isMillrace(folder.path) { return MillraceHome(path: folder.path) }
            folder.deleteLastPathComponent()
        }
        throw CommandFailure(
            "the Millrace package was not found",
            place: Executable.path.path,
            reason: "no folder above this program holds its Package.swift",
            next: "export MILLRACE_HOME=<the folder of the checkout>"
        )
    }

    private static func isMillrace(_ folder: String) -> Bool {
        guard let manifest = try? String(contentsOfFile: "\(folder)/Package.swift", encoding: .utf8)
        else { return false }
        return manifest.contains("name: \"Millrace\",\n    products:")
    }
}

/// This program's own file.
enum Executable {
    static var path: URL {
        (Bundle.main.executableURL ?? URL(filePath: CommandLine.arguments[0]))
            .resolvingSymlinksInPath()
    }
}
