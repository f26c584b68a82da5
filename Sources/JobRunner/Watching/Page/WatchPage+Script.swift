extension WatchPage {
    /// Asks for the state again and again, and shows it.
    static let script = #"""
        const byID = id => document.getElementById(id);
        const whole = new Intl.NumberFormat("en");
        const compact = new Intl.NumberFormat(
          "en", {notation: "compact", maximumFractionDigits: 1});

        function element(name, text, kind) {
          const made = document.createElement(name);
          if (text !== undefined) made.textContent = text;
          if (kind) made.className = kind;
          return made;
        }

        function duration(seconds) {
          if (seconds === null || seconds === undefined) return "–";
          if (seconds < 0.001) return `${(seconds * 1e6).toFixed(0)} µs`;
          if (seconds < 1) return `${(seconds * 1e3).toFixed(1)} ms`;
          if (seconds < 120) return `${seconds.toFixed(1)} s`;
          if (seconds < 7200) return `${(seconds / 60).toFixed(0)} min`;
          if (seconds < 172800) return `${(seconds / 3600).toFixed(1)} h`;
          return `${(seconds / 86400).toFixed(1)} days`;
        }

        function size(bytes) {
          if (bytes === null || bytes === undefined) return "–";
          const units = ["B", "KiB", "MiB", "GiB", "TiB"];
          let unit = 0;
          while (bytes >= 1024 && unit < units.length - 1) { bytes /= 1024; unit += 1; }
          return `${unit === 0 ? bytes : bytes.toFixed(1)} ${units[unit]}`;
        }

        const perSecond = rate => rate === null ? "–"
          : `${rate !== 0 && rate < 10 ? rate.toFixed(1) : compact.format(rate)}/s`;

        /* A table: its rows are changed in place, so that a reader keeps its place in it. */
        function fill(id, caption, columns, rows, empty) {
          const table = byID(id);
          if (!table.tHead) {
            table.appendChild(element("caption", caption));
            const head = table.createTHead().insertRow();
            for (const column of columns) {
              const cell = element("th", column.name, column.right ? "right" : "");
              cell.scope = "col";
              head.appendChild(cell);
            }
            table.createTBody();
          }
          const body = table.tBodies[0];
          const shown = rows.length > 0 ? rows : [[empty]];
          const isEmpty = rows.length === 0;
          while (body.rows.length > shown.length) body.deleteRow(-1);
          shown.forEach((values, index) => {
            let row = body.rows[index];
            if (row && row.cells.length !== values.length) {
              body.deleteRow(index);
              row = null;
            }
            if (!row) row = addRow(body, index, values.length, columns, isEmpty);
            values.forEach((value, column) => {
              const text = String(value);
              if (row.cells[column].textContent !== text) row.cells[column].textContent = text;
            });
          });
        }

        function addRow(body, index, count, columns, isEmpty) {
          const row = body.insertRow(index);
          if (isEmpty) {
            row.className = "empty";
            row.insertCell().colSpan = columns.length;
            return row;
          }
          for (let column = 0; column < count; column += 1) {
            const cell = document.createElement(column === 0 ? "th" : "td");
            if (column === 0) cell.scope = "row";
            if (columns[column].right) cell.className = "right";
            row.appendChild(cell);
          }
          return row;
        }

        const left = name => ({name});
        const right = name => ({name, right: true});

        // Rates.

        const windowLength = 5, lineLength = 60;
        let samples = [], latencies = [];

        /* How fast a number grew over the last samples; null before there are two. */
        function rate(read) {
          if (samples.length < 2) return null;
          const [first, last] = [samples[0], samples[samples.length - 1]];
          const seconds = (last.time - first.time) / 1000;
          const [before, now] = [read(first), read(last)];
          if (seconds <= 0 || now === undefined) return null;
          return Math.max(0, (now - (before || 0)) / seconds);
        }

        function note(state) {
          const last = samples[samples.length - 1];
          // Counters that fell are those of another process.
          const isOther = last && (state.time < last.time
            || state.log.appendedBytes < last.log.appendedBytes
            || Boolean(state.job) !== Boolean(last.job));
          if (isOther) { samples = []; latencies = []; }
          const previous = samples[samples.length - 1];
          samples.push(state);
          if (samples.length > windowLength) samples.shift();
          if (!previous) return;
          const read = state => state.job ? state.job.commit : state.log.flushes;
          const count = read(state).count - read(previous).count;
          latencies.push(count > 0 ? (read(state).sum - read(previous).sum) / count : null);
          if (latencies.length > lineLength) latencies.shift();
        }

        // Showing.

        function tile(name, value, isBad) {
          const id = `tile-${name.replace(/[^a-z]/gi, "-")}`;
          let holder = byID(id);
          if (!holder) {
            holder = element("dl", undefined, "tile");
            holder.id = id;
            holder.append(element("dt", name), element("dd", "", "number"));
            byID("tiles").appendChild(holder);
          }
          const number = holder.querySelector(".number");
          if (number.textContent !== value) number.textContent = value;
          number.classList.toggle("bad", Boolean(isBad));
          return holder;
        }

        function showTiles(state) {
          const job = state.job;
          if (job) {
            tile("Records in", perSecond(rate(state => state.job.recordsIn)));
            tile("Records out", perSecond(rate(state => state.job.recordsOut)));
          }
          tile("Appended", `${size(rate(state => state.log.appendedBytes) || 0)}/s`);
          const known = latencies.filter(value => value !== null);
          const name = job ? "Commit latency" : "Flush latency";
          const holder = tile(name, known.length > 0 ? duration(known[known.length - 1]) : "–");
          let line = holder.querySelector("svg");
          if (!line) {
            line = svg("svg", {
              viewBox: "0 0 120 26", preserveAspectRatio: "none", role: "img",
              "aria-label": `${name} of the last minute`,
            }, holder);
          }
          drawLine(line, latencies);
          const lags = state.groups.flatMap(group => group.topics);
          tile("Furthest behind",
            duration(lags.reduce((most, lag) => Math.max(most, lag.seconds || 0), 0)));
          tile("Open transactions", whole.format(state.log.openTransactions));
          // Where it is not known which are dealt with, all count as open.
          const openCounts = state.deadLetters.map(topic => topic.open ?? topic.count);
          tile("Open dead letters",
            whole.format(openCounts.reduce((sum, count) => sum + count, 0)));
          const failing = state.log.offline + state.log.damaged + state.log.readOnly;
          tile("Failing partitions",
            `${whole.format(failing)} of ${compact.format(state.log.partitions)}`, failing > 0);
          if (job) tile("Stores' memory", size(job.memory));
          tile("Free on disk", size(state.log.freeBytes));
          if (state.log.connections !== null) {
            tile("Connections", whole.format(state.log.connections));
          }
        }

        let drawn = "", labels = [];

        function showGraph(state) {
          const job = state.job;
          byID("graph-section").hidden = !job || job.operators.length === 0;
          if (byID("graph-section").hidden) return;
          const isUpright = window.matchMedia("(max-width: 700px)").matches;
          const wanted = JSON.stringify([isUpright, job.operators]);
          if (wanted !== drawn) {
            ownPrefix = `${job.name}-`;
            labels = drawGraph(byID("graph"), job.operators, isUpright);
            drawn = wanted;
          }
          for (const {label, topics, kind} of labels) {
            // Of a global table's topic, for one, nobody counts what is read.
            const named = topics.filter(name => name in job[kind]);
            const text = named.length === 0 ? "" : perSecond(named.reduce((sum, name) => {
              const part = rate(state => state.job[kind][name] || 0);
              return part === null ? sum : (sum || 0) + part;
            }, null));
            if (label.textContent !== text) label.textContent = text;
          }
          fill("operators", "Operators in their order",
            [left("Operator"), left("Sub-topology"), left("Behind"), left("Topics"),
              left("Stores")],
            job.operators.map(item => [
              `${item.id} ${item.kind}`, item.subtopology, item.parents.join(", "),
              [item.reads].concat(item.writes).filter(Boolean).join(", "), item.stores.join(", "),
            ]), "No operators.");
        }

        function showLog(state) {
          fill("lag", "How far groups are behind",
            [left("Group"), left("Topic"), right("Records"), right("Behind"), right("Members"),
              left("State")],
            state.groups.flatMap(group => group.topics.map(lag => [
              group.id, lag.topic,
              lag.records === null ? "no position yet" : whole.format(lag.records),
              lag.records === 0 ? "0 s" : duration(lag.seconds), whole.format(group.members),
              group.state,
            ])), "No group has a position yet.");
          fill("transactions", "The oldest first",
            [left("Owner"), left("State"), right("Age"), right("Partitions"), left("Where")],
            state.transactions.map(item => [
              item.id, item.state, duration(item.seconds), whole.format(item.partitions),
              item.remote ? "a client" : "this process",
            ]), "None is open.");
          fill("letters", "What lies in topics of dead letters, open or dealt with",
            [left("Topic"), right("Open"), right("Records"), right("Oldest")],
            state.deadLetters.map(item => [
              item.topic, item.open === null ? "–" : whole.format(item.open),
              whole.format(item.count), item.count === 0 ? "–" : duration(item.oldest),
            ]), "No topic holds dead letters.");
          fill("troubled", "Offline, damaged, or taking no more",
            [left("Partition"), left("State"), left("Reason")],
            state.troubled.map(item => [item.partition, item.state, item.reason]),
            "All partitions are whole.");
          const offsetsOf = (state, name) =>
            (state.topics.find(topic => topic.name === name) || {}).offsets;
          fill("topics", "Topics, the internal ones last",
            [left("Topic"), right("Partitions"), right("Offsets held"), right("Written"),
              right("Size")],
            state.topics.map(topic => [
              topic.name, whole.format(topic.partitions), whole.format(topic.held),
              perSecond(rate(state => offsetsOf(state, topic.name))),
              size(topic.bytes),
            ]), "There are no topics yet.");
        }

        function showJob(job) {
          for (const part of document.querySelectorAll(".job")) part.hidden = !job;
          if (!job) return;
          fill("stores", "What is in memory, over all partitions",
            [left("Store"), right("Keys"), right("Memory"), right("Changes"), left("In memory")],
            job.stores.map(store => [
              store.name, whole.format(store.entries), size(store.bytes),
              perSecond(rate(state => state.job.written[store.changelog] || 0)),
              store.complete ? "all" : "a part",
            ]), "The job keeps no stores.");
          const counted = Object.entries(job.deadLettered)
            .map(([reason, count]) => [reason, "dead letter", whole.format(count)])
            .concat(Object.entries(job.dropped)
              .map(([reason, count]) => [reason, "dropped", whole.format(count)]));
          if (job.skipped > 0) counted.push(["by a policy", "skipped", whole.format(job.skipped)]);
          fill("reasons", "Records that led to no result, since the start",
            [left("Reason"), left("What became of them"), right("Records")], counted, "None.");
          fill("phases", "Seconds of all threads since the start",
            [left("Phase"), right("Seconds"), right("Now")],
            Object.entries(job.phases).map(([phase, seconds]) => {
              const share = rate(state => state.job.phases[phase]);
              const now = share === null ? "–" : `${(share * 100).toFixed(1)} %`;
              return [phase, seconds.toFixed(2), now];
            }), "Nothing yet.");
        }

        function show(state) {
          note(state);
          const name = state.job ? state.job.name : "the log";
          byID("title").textContent = name;
          document.title = `${name} – Millrace`;
          const isRestoring = state.job && state.job.state !== "running";
          const word = state.health.status !== "ok" ? "failing"
            : isRestoring ? state.job.state : state.job ? "running" : "serving";
          setStatus(word, word === "failing" ? "bad" : isRestoring ? "warn" : "good");
          byID("updated").textContent = `as of ${new Date(state.time).toLocaleTimeString()}`;
          showReasons(state.health.reasons);
          showTiles(state);
          showGraph(state);
          showLog(state);
          showJob(state.job);
        }

        function showReasons(reasons) {
          const list = byID("notices").querySelector("ul");
          const text = reasons.join("\n");
          if (list.dataset.text === text) return;
          list.dataset.text = text;
          list.replaceChildren(...reasons.map(reason => element("li", reason)));
          byID("notices").hidden = reasons.length === 0;
        }

        /* Said anew only when it changes: it is read aloud. */
        function setStatus(text, kind) {
          const status = byID("status");
          if (status.textContent !== text) status.textContent = text;
          status.className = `pill ${kind}`;
        }

        // Asking.

        const interval = 1000, longestWait = 15000, answerLimit = 8000;
        let failures = 0, goneSince = null, timer = null, isAsking = false;

        async function ask() {
          if (isAsking || document.hidden) return;
          isAsking = true;
          clearTimeout(timer);
          const abort = new AbortController();
          const limit = setTimeout(() => abort.abort(), answerLimit);
          try {
            const answer = await fetch("/api/state", {signal: abort.signal, cache: "no-store"});
            if (!answer.ok) throw new Error(`the server answers ${answer.status}`);
            const state = await answer.json();
            failures = 0;
            goneSince = null;
            document.body.classList.remove("is-gone");
            show(state);
          } catch (error) {
            failures += 1;
            goneSince = goneSince || new Date(Date.now());
            document.body.classList.add("is-gone");
            setStatus(`server gone since ${goneSince.toLocaleTimeString()}`, "bad");
          } finally {
            clearTimeout(limit);
            isAsking = false;
            const wait = Math.min(longestWait, interval * 2 ** Math.min(failures, 4));
            timer = setTimeout(ask, failures === 0 ? interval : wait);
          }
        }

        document.addEventListener("visibilitychange", ask);
        window.addEventListener("resize", () => {
          if (samples.length > 0) showGraph(samples[samples.length - 1]);
        });
        ask();
        """#
}
