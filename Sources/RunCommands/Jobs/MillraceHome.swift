import Foundation
import Terminal

/// The Millrace package that jobs are built against, found from where this program lies: a checkout
/// around it, or what `make install` put beside it.
struct MillraceHome {
    /// An absolute path.
    let path: String

    /// Whether it is no checkout but what `make install` made: other users' to read, nobody's to
    /// build in.
    private var isInstalled: Bool { FileManager.default.fileExists(atPath: "\(path)/installed") }

    /// Where every job of this package is built, so that Millrace is compiled once for all.
    var buildPath: String {
        let environment = ProcessInfo.processInfo.environment
        if let given = environment["MILLRACE_BUILD"] { return given }
        guard isInstalled else { return "\(path)/.build-jobs" }
        // As the XDG base directories have it; an empty word is none.
        let cache = environment["XDG_CACHE_HOME"].flatMap { $0.hasPrefix("/") ? $0 : nil }
        return (cache ?? "\(NSHomeDirectory())/.cache") + "/millrace/jobs"
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
            return MillraceHome(path: URL(filePath: given).standardizedFileURL.path)
        }
        var folder = Executable.path.deletingLastPathComponent()
        while folder.path != "/" {
            for place in [folder, folder.appending(path: "share/millrace")]
            where isMillrace(place.path) {
                return MillraceHome(path: place.path)
            }
            folder.deleteLastPathComponent()
        }
        throw CommandFailure(
            "the Millrace package was not found",
            place: Executable.path.path,
            reason: "no folder above this program holds its Package.swift, or has it in "
                + "share/millrace",
            next: "export MILLRACE_HOME=<the folder of the checkout>, or make install"
        )
    }

    /// Whether a folder has the manifest of the Millrace package.
    static func isMillrace(_ folder: String) -> Bool {
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
