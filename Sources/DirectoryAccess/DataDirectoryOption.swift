import Glibc
package import Terminal

/// `--data DIR`, which every command takes.
package enum DataDirectoryOption {
    package static let parameter = Parameter.option(
        "data",
        .path("DIR", .folder),
        default: defaultPath,
        shown: shownDefault,
        help: "the folder of the bundled log"
    )

    /// What `$MILLRACE_DATA` says, or else a folder in the current one.
    package static let defaultPath: String = {
        guard let given = getenv("MILLRACE_DATA"), given.pointee != 0 else {
            return "./millrace-data"
        }
        return String(cString: given)
    }()

    /// The same for every environment, as help has it.
    package static let shownDefault = "$MILLRACE_DATA, or ./millrace-data"
}
