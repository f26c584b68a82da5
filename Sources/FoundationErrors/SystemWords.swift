import Foundation
import Glibc

/// What an error of Foundation's says to a person, in the words of the system: its own description
/// is one of domains and codes. Other errors say what they are.
package func systemWords(of error: any Error) -> String { foundationWords(of: error) ?? "\(error)" }

/// Nil where the error is none of Foundation's.
package func foundationWords(of error: any Error) -> String? {
    let bridged = error as NSError
    switch bridged.domain {
    case NSPOSIXErrorDomain: return systemWords(ofNumber: Int32(truncatingIfNeeded: bridged.code))
    case NSCocoaErrorDomain:
        let cause = bridged.userInfo[NSUnderlyingErrorKey] as? any Error
        return cause.flatMap(foundationWords) ?? words(ofCocoaCode: bridged.code)
    default: return nil
    }
}

private func systemWords(ofNumber number: Int32) -> String { String(cString: strerror(number)) }

/// Where the error does not say what the system met.
private func words(ofCocoaCode code: Int) -> String {
    switch CocoaError.Code(rawValue: code) {
    case .fileNoSuchFile, .fileReadNoSuchFile: systemWords(ofNumber: ENOENT)
    case .fileReadNoPermission, .fileWriteNoPermission: systemWords(ofNumber: EACCES)
    case .fileWriteFileExists: systemWords(ofNumber: EEXIST)
    case .fileWriteOutOfSpace: systemWords(ofNumber: ENOSPC)
    case .fileWriteVolumeReadOnly: systemWords(ofNumber: EROFS)
    case .fileReadInvalidFileName, .fileWriteInvalidFileName: systemWords(ofNumber: EINVAL)
    case .fileReadInapplicableStringEncoding, .fileReadCorruptFile: "it is no text in UTF-8"
    case .fileReadUnknown: "it could not be read"
    case .fileWriteUnknown: "it could not be written"
    default: "the system did not say why"
    }
}
