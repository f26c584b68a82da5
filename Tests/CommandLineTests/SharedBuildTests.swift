import Foundation
import Testing

@testable import RunCommands

/// The build folder that the jobs share.
@Suite struct SharedBuildTests {
    @Test func `results of other sources are removed, results of the same are kept`() throws {
        let folder = try TemporaryFolder()
        defer { withExtendedLifetime(folder) {} }
        let home = MillraceHome(path: folder.url.path)
        let manager = FileManager.default
        let source = "\(home.path)/Sources/A/A.swift"
        let result = "\(home.buildPath)/triple/release/A.o"
        for path in [source, result] {
            try manager.createDirectory(
                atPath: (path as NSString).deletingLastPathComponent,
                withIntermediateDirectories: true
            )
        }
        try "let a = 1".write(toFile: source, atomically: true, encoding: .utf8)
        try "made of something".write(toFile: result, atomically: true, encoding: .utf8)
        let link = "\(home.buildPath)/release"
        try manager.createSymbolicLink(atPath: link, withDestinationPath: "triple/release")

        try SharedBuild(home: home).forgetOtherSources()
        #expect(!manager.fileExists(atPath: result), "nobody knows what it was made from")
        #expect(throws: (any Error).self) { try manager.destinationOfSymbolicLink(atPath: link) }

        try manager.createDirectory(
            atPath: (result as NSString).deletingLastPathComponent,
            withIntermediateDirectories: true
        )
        try manager.createSymbolicLink(atPath: link, withDestinationPath: "triple/release")
        try "made of a = 1".write(toFile: result, atomically: true, encoding: .utf8)
        try SharedBuild(home: home).forgetOtherSources()
        #expect(manager.fileExists(atPath: result))

        try "let a = 2".write(toFile: source, atomically: true, encoding: .utf8)
        try SharedBuild(home: home).forgetOtherSources()
        #expect(!manager.fileExists(atPath: result))
    }
}
