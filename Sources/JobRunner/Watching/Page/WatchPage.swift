import HTTPServer

/// The page for people: one document with its style and its script inside, which asks for
/// `/api/state` again and again. Names from the log are shown as text, never as markup.
enum WatchPage {
    /// Only the page's own style and script have any effect in it, which the nonce tells.
    static func response() -> HTTPResponse {
        var random = SystemRandomNumberGenerator()
        let nonce = (0..<2).map { _ in String(random.next(), radix: 16) }.joined()
        let policy = [
            "default-src 'none'", "script-src 'nonce-\(nonce)'", "style-src 'nonce-\(nonce)'",
            "connect-src 'self'", "base-uri 'none'", "form-action 'none'",
            "frame-ancestors 'none'",
        ]
        return HTTPResponse(
            contentType: "text/html; charset=utf-8",
            headers: ["Content-Security-Policy": policy.joined(separator: "; ")],
            body: Array(document(nonce).utf8)
        )
    }

    private static func document(_ nonce: String) -> String {
        """
        <!doctype html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="color-scheme" content="light dark">
        <title>Millrace</title>
        <style nonce="\(nonce)">
        \(style)
        </style>
        </head>
        \(body)
        <script nonce="\(nonce)">
        "use strict";
        \(drawing)
        \(script)
        </script>
        </html>

        """
    }

    private static let body = #"""
        <body>
        <header>
          <h1><span id="title">Millrace</span></h1>
          <p id="status" role="status" class="pill">Loading…</p>
          <p id="updated" class="muted"></p>
        </header>
        <main>
          <noscript><p class="notice">This page needs JavaScript; the same numbers are at
            <a href="/metrics">/metrics</a>.</p></noscript>
          <section id="notices" aria-label="What is wrong" hidden><ul></ul></section>
          <section id="tiles" aria-label="In short"></section>
          <section id="graph-section" hidden>
            <h2>Topology</h2>
            <p class="muted">Records per second where a node reads or writes a topic; dashed lines
              are topics of the job.</p>
            <div id="graph" class="scroll" tabindex="0" role="region"
              aria-label="The topology as a graph"></div>
            <details><summary>As a table</summary>
              <div class="scroll"><table id="operators"></table></div></details>
          </section>
          <div class="columns">
            <section><h2>Lag</h2><div class="scroll"><table id="lag"></table></div></section>
            <section><h2>Open transactions</h2>
              <div class="scroll"><table id="transactions"></table></div></section>
            <section class="job"><h2>Stores</h2>
              <div class="scroll"><table id="stores"></table></div></section>
            <section><h2>Dead letters</h2>
              <div class="scroll"><table id="letters"></table></div>
              <div class="scroll job"><table id="reasons"></table></div></section>
            <section class="job"><h2>Where threads spend their time</h2>
              <div class="scroll"><table id="phases"></table></div></section>
            <section><h2>Partitions that are not whole</h2>
              <div class="scroll"><table id="troubled"></table></div></section>
            <section class="wide"><h2>Topics</h2>
              <div class="scroll"><table id="topics"></table></div></section>
          </div>
        </main>
        <footer class="muted">For programs: <a href="/metrics">/metrics</a>,
          <a href="/health">/health</a>, <a href="/ready">/ready</a>,
          <a href="/api/state">/api/state</a></footer>
        </body>
        """#
}
