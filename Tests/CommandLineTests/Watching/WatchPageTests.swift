import HTTPServer
import Testing

@testable import JobRunner

@Suite struct WatchPageTests {
    private let page = String(decoding: WatchPage.response().body, as: UTF8.self)

    @Test func `only the page's own style and script may run, by a nonce of this answer`() throws {
        let response = WatchPage.response()
        let policy = try #require(response.headers["Content-Security-Policy"])
        let nonce = try #require(policy.firstMatch(of: /script-src 'nonce-([0-9a-f]+)'/)).1
        #expect(policy.hasPrefix("default-src 'none'; "))
        #expect(!policy.contains("unsafe"))
        let text = String(decoding: response.body, as: UTF8.self)
        #expect(text.contains("<script nonce=\"\(nonce)\">"))
        #expect(text.contains("<style nonce=\"\(nonce)\">"))
        #expect(WatchPage.response().headers != response.headers)
    }

    @Test func `nothing from the log can become markup, and nothing comes from elsewhere`() {
        for word in ["innerHTML", "outerHTML", "insertAdjacent", "document.write", "eval("] {
            #expect(!page.contains(word), "\(word)")
        }
        #expect(!page.contains("style=\""))
        #expect(page.firstMatch(of: /<[^>]* on[a-z]+=/) == nil)
        #expect(page.firstMatch(of: /(?:src|href)="(?!\/)/) == nil)
        let addresses = page.matches(of: /https?:\/\/[^"]*/).map { String($0.output) }
        #expect(Set(addresses) == ["http://www.w3.org/2000/svg"])
    }
}
