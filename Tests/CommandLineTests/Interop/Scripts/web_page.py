"""Looks at a running job over HTTP: reads the metrics with Prometheus's own parsers, and the page with
a browser. Arguments: the folder of the programs, a data directory, a folder for pictures, and the
browser (or - for none)."""
import json
import os
import re
import subprocess
import sys
import threading
import time
import urllib.request

from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families as prometheus

programs, data, pictures, browser = sys.argv[1:5]
millrace = f"{programs}/millrace"
HOSTILE = "</script><img src=x onerror=document.title='taken'>"


def run(*words, text=""):
    subprocess.run([millrace, *words, "--data", data], input=text, text=True, check=True,
                   stdout=subprocess.DEVNULL)


def feeding(stop):
    """Writes on until it is told to stop; nothing of it is left then."""
    text = "".join(f"fox{number}\n" for number in range(1, 201))
    while not stop.wait(0.05):
        run("produce", "lines", text=text)


def get(path, accept="*/*"):
    request = urllib.request.Request(address + path, headers={"Accept": accept})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.read().decode(), answer.headers


def values(families):
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for f in families for s in f.samples}


def until(what, condition):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.1)
    raise SystemExit(f"never came: {what}")


def metrics():
    return values(prometheus(get("/metrics")[0]))


def look(name, *options, width=1280, height=1900):
    """What the page is like after a minute of its own time, and a picture of it."""
    common = [browser, "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
              f"--user-data-dir={pictures}/profile", f"--window-size={width},{height}",
              "--virtual-time-budget=60000", *options]
    subprocess.run([*common, f"--screenshot={pictures}/{name}.png", address + "/"], check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=120)
    return subprocess.run([*common, "--dump-dom", address + "/"], check=True, text=True,
                          capture_output=True, timeout=120).stdout


def texts(page, table):
    body = re.search(rf'<table id="{table}">(.*?)</table>', page, re.S)
    return re.findall(r"<t[hd][^>]*>([^<]*)</t[hd]>", body.group(1)) if body else []


run("topic", "create", "lines", "--partitions", "4")
run("produce", "lines", text="the quick brown fox jumps over the lazy dog\n" * 1000)
link = f"{pictures}/WordCount"
if not os.path.islink(link):
    os.symlink(f"{programs}/JobsUnderTest", link)
job = subprocess.Popen([link, "run", "--data", data, "--http", "127.0.0.1:0"],
                       stderr=subprocess.PIPE, text=True)
try:
    address = ""
    for line in job.stderr:
        if line.startswith("watch at "):
            address = line.split()[2].rstrip("/")
            break
    assert address, "the job tells no address"
    label = (("job", "word-count"),)
    until("the records", lambda: metrics().get(("millrace_job_records_in_total", label)) == 1000)
    until("readiness", lambda: json.loads(get("/ready")[0])["status"] == "ready")
    assert json.loads(get("/health")[0])["status"] == "ok"

    now = metrics()
    assert now[("millrace_topic_offsets_total", (("topic", "lines"),))] == 1000
    assert now[("millrace_job_records_in_total", label)] == 1000
    assert now[("millrace_job_commit_seconds_count", label)] >= 1
    # Stores are told of once a second.
    until("the store's keys",
          lambda: metrics()[("millrace_store_entries", (*label, ("store", "counts")))] == 8)
    words = now[("millrace_job_topic_records_out_total",
                 (*label, ("topic", "word-count-by-word-repartition")))]
    assert words == 9000, words
    text, headers = get("/metrics", "application/openmetrics-text; version=1.0.0")
    assert headers["Content-Type"].startswith("application/openmetrics-text")
    strict = values(open_metrics(text))
    assert strict[("millrace_job_records_in_total", label)] == 1000
    assert {name for name, _ in strict} == {name for name, _ in now}

    if browser != "-":
        run("group", "reset", HOSTILE, "--topic", "lines", "--to", "beginning", "--execute")
        until("the group's lag", lambda: any(
            name == "millrace_group_lag_seconds" and dict(labels)["group"] == HOSTILE
            for name, labels in metrics()))
        stop = threading.Event()
        feed = threading.Thread(target=feeding, args=(stop,))
        feed.start()
        try:
            # The page's minute may be a moment of the job's, without two commits.
            page = until("a line of latencies", lambda: next(
                (seen for seen in [look("page")] if 'class="spark"' in seen), None))
            look("page-dark", "--blink-settings=preferredColorScheme=0")
            look("page-narrow", width=500, height=2600)
        finally:
            stop.set()
            feed.join()
        assert ">running</p>" in page, page
        assert "<title>word-count – Millrace</title>" in page
        assert page.count('class="node topic"') == 4, page.count('class="node topic"')
        operators = [text.split()[-1] for text in texts(page, "operators")
                     if re.match(r"\d+ \w+$", text)]
        assert operators.count("source") == 2 and "sink" in operators, operators
        assert "counts" in texts(page, "stores"), texts(page, "stores")
        assert "lines" in texts(page, "lag"), texts(page, "lag")
        # The group's name is text, and nothing came of it.
        assert "&lt;/script&gt;&lt;img src=x onerror" in page
        assert "<img" not in page
        assert "flush-output" in texts(page, "phases")
finally:
    job.terminate()
    job.stderr.close()
    status = job.wait(timeout=60)
assert status == 0, status
print("seen: 1000 records" + (", and the page" if browser != "-" else ""))
