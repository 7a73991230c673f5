"""A process of Debian's Prometheus with its own data directory and port, and with the shipped rules."""

import json
import pathlib
import re
import subprocess
import sys
import urllib.parse
import urllib.request

import yaml

from sidecar import Log
from waiting import PATIENCE, eventually

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "k8s"))
import monitoring       # noqa: E402  pylint: disable=wrong-import-position
import promql           # noqa: E402  pylint: disable=wrong-import-position

# The clock of the shipped rules runs this many times as fast: 10 minutes are 30 seconds.
FASTER = 20
LABELS = {"namespace": "shop", "pod": "web-0", "instance": "web-0"}


class Prometheus:
    """Scrapes the sidecars and evaluates the rules every second. A context manager."""

    def __init__(self, directory, *sidecars, faster=FASTER):
        (directory / "data").mkdir(parents=True)
        self._targets = directory / "targets.json"
        self.scrape(*sidecars)
        monitoring.write_rules(directory / "rules.yml", monitoring.faster(monitoring.rules(), faster))
        (directory / "prometheus.yml").write_text(yaml.safe_dump({
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
            "rule_files": ["rules.yml"],
            "scrape_configs": [{"job_name": "kafka-http-sink",
                                "file_sd_configs": [{"files": ["targets.json"], "refresh_interval": "1s"}]}]}))
        self._process = subprocess.Popen(
            ["prometheus", "--config.file=prometheus.yml", "--storage.tsdb.path=data",
             "--web.listen-address=127.0.0.1:0", f"--query.lookback-delta={300 // faster}s"],
            cwd=directory, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self._log = Log(self._process.stderr)

    def __enter__(self):
        try:
            line, = self._log.wait_for("Listening on", "127.0.0.1")
            self._url = "http://" + re.search(r"127\.0\.0\.1:\d+", line)[0]
            eventually(lambda: self._log.find("Server is ready"), lambda: f"ready:\n{self._log.tail()}")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self._process.terminate()
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def scrape(self, *sidecars):
        """Sets the scraped sidecars, with the labels that the PodMonitor sets."""
        whole = self._targets.with_suffix(".new")
        whole.write_text(json.dumps([{"targets": [f"127.0.0.1:{one.port}"], "labels": LABELS} for one in sidecars]))
        whole.rename(self._targets)

    def api(self, path, **parameters):
        """Returns the `data` of an answer; an error of Prometheus is a ValueError."""
        body = urllib.parse.urlencode(parameters, doseq=True).encode()
        try:
            with urllib.request.urlopen(f"{self._url}/api/v1/{path}", body, timeout=30) as response:
                return json.load(response)["data"]
        except urllib.error.HTTPError as error:
            raise ValueError(f"{parameters}: {error.read().decode()}") from None

    def query(self, expression):
        """Returns the labels and value of each element of an instant vector."""
        return [(one["metric"], float(one["value"][1])) for one in self.api("query", query=expression)["result"]]

    def series(self, name):
        """Returns the labels of every series with this name."""
        return self.api("series", **{"match[]": name})

    def firing(self, ever=False):
        """Returns the alerts that fire now, or that have ever fired: (alert, connector or None)."""
        fired = self.query('max_over_time(ALERTS{alertstate="firing"}[1d])' if ever else 'ALERTS{alertstate="firing"}')
        return {(labels["alertname"], labels.get("connector")) for labels, _ in fired}

    def wait_firing(self, *wanted, timeout=240):
        eventually(lambda: self.firing() >= set(wanted), lambda: f"{wanted} fire; firing: {self.firing()}", timeout)

    def wait_clear(self, *wanted, timeout=240):
        eventually(lambda: not self.firing() & set(wanted), lambda: f"{wanted} clear; firing: {self.firing()}", timeout)


class Vocabulary:
    """The series that Prometheus has scraped, to check expressions against."""

    def __init__(self, prometheus):
        self._prometheus = prometheus
        self._series = {}

    def of(self, name):
        if name not in self._series:
            self._series[name] = self._prometheus.series(name)
        return self._series[name]

    def problems(self, expression, unseen=()):
        """Returns names in the expression that no scraped series has. `unseen`: label values that may be missing."""
        try:
            canonical = self._prometheus.api("format_query", query=expression)
            self._prometheus.query(expression)
        except ValueError as error:
            return [f"it can't be evaluated: {error}"]
        selectors, labels = promql.references(canonical)
        problems = [] if selectors else ["it names no metric"]
        known = {label for selector in selectors for one in self.of(selector.name) for label in one}
        problems += [f"no series has the label {label}" for label in labels if label not in known]
        for selector in selectors:
            series = self.of(selector.name)
            if not series:
                problems.append(f"no series {selector.name}")
            for label, operator, value in selector.matchers if series else ():
                if not any(label in one for one in series):
                    problems.append(f"{selector.name} has no label {label}")
                    continue
                values = value.split("|") if "~" in operator else [value]
                problems += [f"{selector.name} has no {label}={one}" for one in values if (label, one) not in unseen
                             and not any(re.fullmatch(one, have.get(label, "")) for have in series)]
        return problems
