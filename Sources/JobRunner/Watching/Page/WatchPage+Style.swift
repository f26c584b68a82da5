extension WatchPage {
    static let style = #"""
        :root {
          --back: #f6f6f3; --surface: #ffffff; --ink: #1b1c1e; --muted: #585c63;
          --line: #dcdcd6; --accent: #1d5bb8; --good: #17702f; --bad: #a8201a; --warn: #7d5200;
          --band: #f0f2f6; --node: #ffffff;
        }
        @media (prefers-color-scheme: dark) {
          :root {
            --back: #121315; --surface: #1b1d20; --ink: #e9e9e6; --muted: #a3a7ae;
            --line: #34373d; --accent: #86b4ff; --good: #66c982; --bad: #ff8f86; --warn: #e5b65a;
            --band: #202328; --node: #272a30;
          }
        }
        * { box-sizing: border-box; }
        body {
          margin: 0 auto; padding: 1rem 1.25rem 2rem; max-width: 86rem; background: var(--back);
          color: var(--ink); font: 15px/1.45 system-ui, -apple-system, "Segoe UI", sans-serif;
        }
        [hidden] { display: none !important; }
        a { color: var(--accent); }
        :focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
        header {
          display: flex; flex-wrap: wrap; align-items: center; gap: 0.25rem 0.9rem;
          margin-bottom: 1rem;
        }
        h1 { font-size: 1.35rem; margin: 0; overflow-wrap: anywhere; }
        h2 { font-size: 1rem; margin: 0 0 0.5rem; }
        header p { margin: 0; }
        .muted { color: var(--muted); font-size: 0.87rem; }
        .pill {
          border: 1px solid var(--line); border-radius: 999px; padding: 0.1rem 0.7rem;
          font-size: 0.87rem; font-weight: 600; background: var(--surface);
        }
        .pill.good { color: var(--good); border-color: currentColor; }
        .pill.bad { color: var(--bad); border-color: currentColor; }
        .pill.warn { color: var(--warn); border-color: currentColor; }
        section {
          background: var(--surface); border: 1px solid var(--line); border-radius: 10px;
          padding: 0.85rem 1rem; min-width: 0;
        }
        main { display: grid; gap: 1rem; grid-template-columns: minmax(0, 1fr); }
        #notices { border-color: var(--bad); }
        #notices ul { margin: 0; padding-left: 1.1rem; overflow-wrap: anywhere; }
        #tiles {
          display: grid; gap: 0.75rem 1.25rem; padding: 0.85rem 1rem;
          grid-template-columns: repeat(auto-fit, minmax(8.2rem, 1fr));
        }
        .tile dt { color: var(--muted); font-size: 0.82rem; }
        .tile dd { margin: 0; }
        .tile { margin: 0; min-width: 0; }
        .number { font-size: 1.45rem; font-weight: 600; font-variant-numeric: tabular-nums; }
        .number.bad { color: var(--bad); }
        .tile svg { display: block; width: 100%; height: 26px; }
        .columns { column-width: 34rem; column-gap: 1rem; }
        .columns section { break-inside: avoid; margin-bottom: 1rem; }
        .columns .wide { column-span: all; margin: 1rem 0 0; }
        .scroll { overflow-x: auto; }
        table { border-collapse: collapse; width: 100%; font-size: 0.9rem; }
        table + table, .scroll + .scroll { margin-top: 0.75rem; }
        caption { text-align: left; color: var(--muted); padding-bottom: 0.3rem; }
        th, td {
          text-align: left; padding: 0.25rem 0.75rem 0.25rem 0; vertical-align: top;
          border-top: 1px solid var(--line);
        }
        thead th {
          border-top: 0; color: var(--muted); font-weight: 500; font-size: 0.82rem;
          white-space: nowrap;
        }
        tbody th { font-weight: 500; overflow-wrap: anywhere; min-width: 7rem; }
        td { overflow-wrap: break-word; }
        td.right, th.right {
          text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap;
        }
        th:last-child, td:last-child { padding-right: 0; }
        tr.empty td { color: var(--muted); }
        details { margin-top: 0.5rem; }
        summary { cursor: pointer; color: var(--muted); font-size: 0.87rem; }
        footer { margin-top: 1.25rem; }
        .is-gone main { opacity: 0.55; }
        #graph-section > p { margin: 0 0 0.5rem; }
        #graph svg { display: block; margin: 0 auto; font: 12px/1.2 inherit; height: auto; }
        .band { fill: var(--band); }
        .band-name { fill: var(--muted); font-size: 11px; }
        .node rect { fill: var(--node); stroke: var(--line); }
        .node.topic rect { stroke: var(--accent); }
        .node text { fill: var(--ink); font-size: 12px; }
        .node .kind { font-weight: 600; }
        .node .name { fill: var(--muted); font-size: 11px; }
        .node .rate { fill: var(--accent); font-size: 11px; font-weight: 600; }
        .edge { fill: none; stroke: var(--muted); stroke-width: 1.2; }
        .edge.over-topic { stroke-dasharray: 5 4; stroke: var(--accent); }
        .spark { fill: none; stroke: var(--accent); stroke-width: 1.5; }
        @media (max-width: 600px) {
          body { padding: 0.75rem 0.6rem 1.5rem; }
          section { padding: 0.7rem 0.7rem; }
          #tiles { grid-template-columns: repeat(2, minmax(0, 1fr)); }
          .number { font-size: 1.2rem; }
          table { font-size: 0.85rem; }
          th, td { padding-right: 0.5rem; }
          tbody th { min-width: 5.5rem; }
        }
        """#
}
