package import LogModel

extension PartitionLog {
    /// Opens the log in a folder.
    ///
    /// - Parameters:
    ///   - cleanShutdown: the directory was closed cleanly; caches can be trusted.
    ///   - recoveryPoint: everything below it was flushed.
    ///   - logStart: where the log begins, if that was noted.
    package static func open(
        disk: any Disk,
        directory: String,
        configuration: LogConfiguration,
        cleanShutdown: Bool,
        recoveryPoint: Offset,
        logStart: Offset?,
        time: any TimeSource
    ) throws(LogStorageError) -> (PartitionLog, RecoveryReport) {
        let files = PartitionFiles(disk: disk, directory: directory)
        var recovery = try LogRecovery(
            files: files,
            configuration: configuration,
            cleanShutdown: cleanShutdown,
            recoveryPoint: recoveryPoint,
            logStart: logStart
        )
        let (state, report) = try recovery.run()
        let log = PartitionLog(
            files: files,
            configuration: configuration,
            time: time,
            state: state
        )
        return (log, report)
    }
}
