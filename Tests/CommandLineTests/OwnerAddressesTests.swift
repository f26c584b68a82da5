import Foundation
import Testing

@testable import DirectoryAccess

@Suite struct OwnerAddressesTests {
    private let folder: TemporaryFolder
    private var directory: String { folder.url.path }

    init() throws {
        folder = try TemporaryFolder()
        try FileManager.default.createDirectory(
            atPath: OwnerAddresses.folder(in: directory),
            withIntermediateDirectories: true
        )
    }

    private var own: String { "process \(ProcessInfo.processInfo.processIdentifier)" }

    @Test func `the address is that of the owner who wrote it`() throws {
        OwnerAddresses.write("127.0.0.1:9092", in: directory)
        #expect(OwnerAddresses.network(of: own, in: directory) == "127.0.0.1:9092")
        #expect(OwnerAddresses.network(of: "\(own) (a job)", in: directory) == "127.0.0.1:9092")
        let path = "\(OwnerAddresses.folder(in: directory))/addresses"
        let attributes = try FileManager.default.attributesOfItem(atPath: path)
        #expect(attributes[.posixPermissions] as? Int == 0o600)
    }

    @Test func `what another process has left says nothing`() {
        OwnerAddresses.write("127.0.0.1:9092", in: directory)
        #expect(OwnerAddresses.network(of: "process 1", in: directory) == nil)
        #expect(OwnerAddresses.network(of: "\(own)1 (a job)", in: directory) == nil)
        #expect(OwnerAddresses.network(of: "an unknown process", in: directory) == nil)
    }

    @Test func `an owner without a port, and none at all, have no address`() throws {
        #expect(OwnerAddresses.network(of: own, in: directory) == nil)
        OwnerAddresses.write(nil, in: directory)
        #expect(OwnerAddresses.network(of: own, in: directory) == nil)
        OwnerAddresses.write("127.0.0.1:9092", in: directory)
        OwnerAddresses.remove(in: directory)
        #expect(OwnerAddresses.network(of: own, in: directory) == nil)
    }

    @Test func `garbage in the file is no address`() throws {
        let path = "\(OwnerAddresses.folder(in: directory))/addresses"
        for garbage in [Data(), Data([0xff, 0xfe, 0]), Data("\(own)\n".utf8), Data(count: 5000)] {
            try garbage.write(to: URL(filePath: path))
            #expect(OwnerAddresses.network(of: own, in: directory) == nil)
        }
    }
}
