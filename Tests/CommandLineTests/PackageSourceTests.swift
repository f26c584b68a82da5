import Testing

@testable import RunCommands

/// Where a job may take Millrace from.
@Suite struct PackageSourceTests {
    @Test(arguments: [
        "https://example.org/millrace.git", "http://localhost:3000/a/millrace",
        "https://user:word@example.org/millrace", "ssh://git@example.org:22/millrace.git",
        "ssh://example.org/~me/millrace", "git://example.org/millrace",
        "git@example.org:group/millrace.git", "me@host:millrace", "file:///srv/git/millrace",
        "/srv/my git/millrace", "~/millrace",
    ])
    func `what SwiftPM fetches from is taken`(text: String) {
        #expect(PackageSource.isRepository(text))
    }

    @Test(arguments: [
        "", " ", "not a url", "millrace", "../millrace", "./millrace", "/", "//", "https://",
        "https:///millrace", "https://example.org", "https://example.org/", "https:/example.org/a",
        "https://example.org/a b", "file://host/millrace", "file://", "git@example.org",
        "git@example.org:", "@host:a", "C:\\millrace", "https://example.org/a\n", "/a\u{0}b",
        "htps://example.org/millrace",
    ])
    func `what can be no repository for it is refused`(text: String) {
        #expect(!PackageSource.isRepository(text))
    }
}
