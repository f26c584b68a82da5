/// The version of the package, which is its tag as well.
package enum MillraceVersion {
    package static let text = "0.1.0"
}
