package import LogStorage

/// The calls of a disk that change it: a machine may die before each of them.
package enum DiskOperation: String, Sendable, CaseIterable {
    case create
    case write
    case truncate
    case sync
    case rename
    case remove
    case createDirectory
    case removeDirectory
    case syncDirectory
}

/// A failure that a test plans: the call of this kind, on a path that ends so, after `skipping`
/// such calls went well.
package struct DiskFault: Sendable {
    package enum Target: Sendable, Equatable {
        case operation(DiskOperation)
        case read
    }

    package var target: Target
    package var pathSuffix: String
    package var skipping: Int
    /// How often it fails before it works again.
    package var times: Int

    package init(_ target: Target, onPathEnding suffix: String, skipping: Int = 0, times: Int = 1) {
        self.target = target
        pathSuffix = suffix
        self.skipping = skipping
        self.times = times
    }

    /// Counts a call; true if it is to fail.
    mutating func strikes(_ target: Target, path: String) -> Bool {
        guard target == self.target, times > 0, path.hasSuffix(pathSuffix) else { return false }
        guard skipping == 0 else {
            skipping -= 1
            return false
        }
        times -= 1
        return true
    }
}

extension DiskError {
    /// The number of an input/output error.
    package static let ioErrorNumber: Int32 = 5

    /// What every call answers once the power is off.
    package static func powerIsOff(_ path: String) -> DiskError {
        .failed(
            operation: "power",
            path: path,
            errorNumber: 0,
            message: "the simulated machine has lost its power"
        )
    }

    static func inputOutput(_ operation: String, _ path: String) -> DiskError {
        .failed(
            operation: operation,
            path: path,
            errorNumber: ioErrorNumber,
            message: "Input/output error"
        )
    }
}
