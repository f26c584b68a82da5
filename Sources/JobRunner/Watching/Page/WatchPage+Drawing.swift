extension WatchPage {
    /// The topology as a layered graph, and the line of latencies.
    static let drawing = #"""
        const svgSpace = "http://www.w3.org/2000/svg";

        function svg(name, attributes, parent, text) {
          const element = document.createElementNS(svgSpace, name);
          for (const key of Object.keys(attributes)) element.setAttribute(key, attributes[key]);
          if (text !== undefined) element.textContent = text;
          if (parent) parent.appendChild(element);
          return element;
        }

        function shortened(text, limit) {
          const characters = Array.from(text);
          return characters.length <= limit ? text
            : characters.slice(0, limit - 1).join("") + "…";
        }

        /* Edges between operators, and over the job's topics from who writes to who reads. */
        function edgesOf(operators) {
          const edges = [];
          const known = new Set(operators.map(item => item.id));
          for (const item of operators) {
            for (const parent of item.parents) {
              if (known.has(parent)) edges.push({from: parent, to: item.id});
            }
            for (const topic of item.writes) {
              for (const reader of operators) {
                if (reader.reads === topic && reader.id !== item.id) {
                  edges.push({from: item.id, to: reader.id, topic});
                }
              }
            }
          }
          return edges;
        }

        /* Each node stands behind everything that leads to it; rounds are bounded, for topics may
           lead back. */
        function layersOf(operators, edges) {
          const layer = new Map(operators.map(item => [item.id, 0]));
          for (let round = 0; round < operators.length; round += 1) {
            let moved = false;
            for (const edge of edges) {
              const next = layer.get(edge.from) + 1;
              if (next > layer.get(edge.to) && next < operators.length) {
                layer.set(edge.to, next);
                moved = true;
              }
            }
            if (!moved) break;
          }
          // What nothing leads to stands right before who reads it.
          for (const item of operators) {
            const next = edges.filter(edge => edge.from === item.id)
              .map(edge => layer.get(edge.to));
            if (edges.some(edge => edge.to === item.id) || next.length === 0) continue;
            layer.set(item.id, Math.max(0, Math.min(...next) - 1));
          }
          return layer;
        }

        /* Places by layer and row: each sub-topology has rows of its own, which those share whose
           layers do not meet. */
        function placesOf(operators, edges) {
          const layer = layersOf(operators, edges);
          const parts = new Map();
          for (const item of operators) {
            if (!parts.has(item.subtopology)) parts.set(item.subtopology, []);
            parts.get(item.subtopology).push(item);
          }
          const lanes = [];
          const rows = new Map();
          const bands = [];
          for (const [id, items] of parts) {
            const used = new Map();
            const row = new Map();
            items.sort((a, b) => layer.get(a.id) - layer.get(b.id) || a.id - b.id);
            for (const item of items) {
              const at = layer.get(item.id);
              if (!used.has(at)) used.set(at, new Set());
              const wanted = item.parents.filter(parent => row.has(parent))
                .map(parent => row.get(parent));
              let place = wanted.length > 0 ? Math.min(...wanted) : 0;
              while (used.get(at).has(place)) place += 1;
              used.get(at).add(place);
              row.set(item.id, place);
            }
            const columns = items.map(item => layer.get(item.id));
            const [first, last] = [Math.min(...columns), Math.max(...columns)];
            const height = Math.max(...row.values()) + 1;
            let lane = lanes.find(lane => lane.every(
              other => other.last < first || other.first > last));
            if (!lane) { lane = []; lanes.push(lane); }
            const band = {id, first, last, height, lane, row};
            lane.push(band);
            bands.push(band);
          }
          let begin = 0;
          for (const lane of lanes) {
            for (const band of lane) {
              band.begin = begin;
              for (const [item, row] of band.row) rows.set(item, begin + row);
            }
            begin += Math.max(...lane.map(band => band.height)) + laneGap;
          }
          return {layer, rows, bands, height: begin - laneGap};
        }

        const nodeWidth = 148, nodeHeight = 54, gap = 46, rowGap = 22, margin = 26;
        /* In rows: room for the name of the next one. */
        const laneGap = 0.35;

        /* What the names of a job's own topics begin with: nodes have no room for it. */
        let ownPrefix = "";

        /* Draws the graph anew; returns what is to be filled with rates. */
        function drawGraph(container, operators, isUpright) {
          container.textContent = "";
          const edges = edgesOf(operators);
          const places = placesOf(operators, edges);
          const stepAlong = isUpright ? nodeHeight + gap - 12 : nodeWidth + gap;
          const stepAcross = isUpright ? nodeWidth + rowGap : nodeHeight + rowGap;
          const along = index => margin + index * stepAlong;
          const across = index => margin + index * stepAcross;
          const place = id => {
            const [a, b] = [along(places.layer.get(id)), across(places.rows.get(id))];
            return isUpright ? {x: b, y: a} : {x: a, y: b};
          };
          const depth = Math.max(...places.layer.values()) + 1;
          const lengthAlong = along(depth) - gap + margin + (isUpright ? 12 : 0);
          const lengthAcross = across(places.height) - rowGap + margin;
          const [width, height] = isUpright
            ? [lengthAcross, lengthAlong] : [lengthAlong, lengthAcross];
          const image = svg("svg", {
            viewBox: `0 0 ${width} ${height}`, width, role: "img",
            "aria-label": `${operators.length} operators; the table below tells the same`,
          }, container);
          image.style.maxWidth = isUpright ? "none" : "100%";
          image.style.minWidth = `${isUpright ? width : Math.round(width * 0.6)}px`;
          const defs = svg("defs", {}, image);
          const marker = svg("marker", {
            id: "tip", viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 7, markerHeight: 7,
            orient: "auto-start-reverse",
          }, defs);
          svg("path", {d: "M0 0 L8 4 L0 8 z", fill: "context-stroke"}, marker);
          for (const band of places.bands) drawBand(image, band, along, across, isUpright);
          const rates = [];
          for (const edge of edges) drawEdge(image, edge, place, isUpright);
          for (const item of operators) rates.push(drawNode(image, item, place(item.id)));
          return rates;
        }

        function drawBand(image, band, along, across, isUpright) {
          const pad = 10;
          const from = along(band.first) - pad;
          const to = along(band.last) + (isUpright ? nodeHeight : nodeWidth) + pad;
          const top = across(band.begin) - pad;
          const bottom = across(band.begin + band.height) - rowGap + pad;
          const box = isUpright
            ? {x: top, y: from, width: bottom - top, height: to - from}
            : {x: from, y: top, width: to - from, height: bottom - top};
          svg("rect", {...box, rx: 10, class: "band"}, image);
          svg("text", {x: box.x + 2, y: box.y - 4, class: "band-name"}, image,
            `sub-topology ${band.id}`);
        }

        function drawEdge(image, edge, place, isUpright) {
          const [a, b] = [place(edge.from), place(edge.to)];
          const from = isUpright
            ? {x: a.x + nodeWidth / 2, y: a.y + nodeHeight}
            : {x: a.x + nodeWidth, y: a.y + nodeHeight / 2};
          const to = isUpright
            ? {x: b.x + nodeWidth / 2, y: b.y} : {x: b.x, y: b.y + nodeHeight / 2};
          const bend = isUpright ? (to.y - from.y) / 2 : (to.x - from.x) / 2;
          const [x, y] = isUpright ? [0, bend] : [bend, 0];
          const curve = `M${from.x} ${from.y} C${from.x + x} ${from.y + y} `
            + `${to.x - x} ${to.y - y} ${to.x} ${to.y}`;
          svg("path", {
            d: curve, class: edge.topic ? "edge over-topic" : "edge", "marker-end": "url(#tip)",
          }, image);
        }

        function drawNode(image, item, at) {
          const topics = item.writes.length > 0 ? item.writes : item.reads ? [item.reads] : [];
          const name = topics.concat(item.stores).join(", ");
          const group = svg("g", {
            class: topics.length > 0 ? "node topic" : "node",
            transform: `translate(${at.x} ${at.y})`,
          }, image);
          svg("title", {}, group, name === "" ? item.kind : `${item.kind}: ${name}`);
          svg("rect", {width: nodeWidth, height: nodeHeight, rx: 7}, group);
          svg("text", {x: 10, y: 19, class: "kind"}, group, shortened(item.kind, 19));
          const short = name.startsWith(ownPrefix) ? name.slice(ownPrefix.length) : name;
          svg("text", {x: 10, y: 34, class: "name"}, group, shortened(short, 23));
          const label = svg("text", {x: 10, y: 48, class: "rate"}, group);
          return {label, topics, kind: item.writes.length > 0 ? "written" : "positions"};
        }

        /* The latest values, gaps where there are none. */
        function drawLine(image, values) {
          image.textContent = "";
          const known = values.filter(value => value !== null);
          if (known.length < 2) return;
          const top = Math.max(...known) * 1.15 || 1;
          let path = "", isDown = false;
          values.forEach((value, index) => {
            if (value === null) { isDown = false; return; }
            const x = index / Math.max(1, values.length - 1) * 118 + 1;
            const y = 25 - value / top * 23;
            path += `${isDown ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`;
            isDown = true;
          });
          svg("path", {d: path, class: "spark"}, image);
        }
        """#
}
