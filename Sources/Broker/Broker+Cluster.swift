package import Bytes
import LogStorage

extension Broker {
    /// The id that clients know this directory by. One for this process alone where the disk does
    /// not keep it.
    package var clusterID: UniqueID {
        do throws(LogStorageError) {
            return try dataDirectory.clusterID(makeID)
        } catch {
            counters.countFailure()
            return makeID()
        }
    }
}
