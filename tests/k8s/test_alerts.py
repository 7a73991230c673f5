"""Tests that the shipped alerts are valid, that each has unit tests, and that the runbook has a section for each.

tests/e2e/test_monitoring.py compares their expressions with a real scrape, and tests/e2e/test_prometheus.py lets them
fire.
"""

import copy
import pathlib
import re
import subprocess

import pytest
import yaml

import monitoring

TESTS = sorted((pathlib.Path(__file__).parent / "alerts").glob("*.yaml"))
ALERTS = monitoring.alerts()
RUNBOOK = (monitoring.DIRECTORY / "runbook.md").read_text()


def promtool(*arguments, directory):
    done = subprocess.run(["promtool", *map(str, arguments)], cwd=directory, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)
    return done.returncode, done.stdout


def unit_tests(directory, spec=None):
    """Runs all unit tests with these rules; returns promtool's exit code and output."""
    monitoring.write_rules(directory / "rules.yml", spec)
    for file in TESTS:
        (directory / file.name).write_text(file.read_text())
    return promtool("test", "rules", *(file.name for file in TESTS), directory=directory)


def cases():
    """Returns alert -> for each group of tests, whether it fires, in order of time."""
    found = {}
    for file in TESTS:
        for group in yaml.safe_load(file.read_text())["tests"]:
            by_alert = {}
            for case in group["alert_rule_test"]:
                by_alert.setdefault(case["alertname"], []).append(bool(case.get("exp_alerts")))
            for alert, fired in by_alert.items():
                found.setdefault(alert, []).append(fired)
    return found


def seconds(duration):
    units = {"s": 1, "m": 60, "h": 3600}
    return int(duration[:-1]) * units[duration[-1]] if duration else 0


def test_the_rules_are_valid(tmp_path):
    monitoring.write_rules(tmp_path / "rules.yml")
    code, said = promtool("check", "rules", "rules.yml", directory=tmp_path)
    assert code == 0 and f"SUCCESS: {len(ALERTS)} rules found" in said, said


def test_every_unit_test_passes(tmp_path):
    assert TESTS
    code, said = unit_tests(tmp_path)
    assert code == 0, said


def test_every_alert_has_a_test_where_it_is_inactive_fires_and_clears():
    found = cases()
    assert set(found) == set(ALERTS)
    for alert, groups in found.items():
        assert any(fired[0] is False and True in fired and fired[-1] is False for fired in groups), alert


def unnoticed(directory, change):
    """Returns the alerts whose unit tests still pass after `change` broke the rule."""
    spec = copy.deepcopy(monitoring.rules())
    changed = [alert for alert, rule in monitoring.alerts(spec).items() if change(rule)]
    _, said = unit_tests(directory, spec)
    noticed = set(re.findall(r"alertname: (\w+), time:", said))
    assert changed
    return set(changed) - noticed


@pytest.mark.parametrize("broken", ["vector(0) > 1", 'label_replace(vector(1), "connector", "orders", "", "")'])
def test_the_unit_tests_detect_an_alert_that_never_or_always_fires(broken, tmp_path):
    def change(rule):
        rule["expr"] = broken
        return True
    assert not unnoticed(tmp_path, change)


@pytest.mark.parametrize("factor", [0.5, 2])
def test_the_unit_tests_detect_a_shorter_or_longer_wait(factor, tmp_path):
    def change(rule):
        if "for" not in rule:
            return False
        rule["for"] = f"{int(seconds(rule['for']) * factor)}s"
        return True
    assert not unnoticed(tmp_path, change)


@pytest.mark.parametrize("factor", [0.5, 2])
def test_the_unit_tests_detect_a_changed_threshold(factor, tmp_path):
    """Thresholds of 0 and 1 stay unchanged."""
    def change(rule):
        before = rule["expr"]
        rule["expr"] = re.sub(r"> ([\d.]{2,}|[2-9])\b", lambda found: f"> {float(found[1]) * factor:g}", before)
        return rule["expr"] != before
    assert not unnoticed(tmp_path, change)


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_has_a_severity_a_summary_a_description_and_a_runbook_url(alert):
    rule = ALERTS[alert]
    assert re.fullmatch(r"KafkaHttpSink[A-Z][A-Za-z]+", alert)
    assert rule["labels"] in ({"severity": "page"}, {"severity": "ticket"})
    assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}
    assert rule["annotations"]["runbook_url"] == f"k8s/monitoring/runbook.md#{alert.lower()}"
    assert seconds(rule.get("for")) <= 3600
    # An alert without `for` must use a range, or a single scrape would fire it.
    assert "for" in rule or re.search(r"\[\d+m\]", rule["expr"]), "fires at the first sample"


def test_the_runbook_has_exactly_one_section_for_each_alert():
    sections = re.split(r"^### ", RUNBOOK, flags=re.M)[1:]
    assert sorted(section.split("\n")[0] for section in sections) == sorted(ALERTS)
    for section in sections:
        name = section.split("\n")[0]
        assert f"\n\n**{ALERTS[name]['labels']['severity']}.** " in section, f"{name}: severity"
        assert "*First look.*" in section and "*What to do.*" in section, name


def test_the_runbook_greps_for_messages_that_the_program_logs():
    source = "\n".join(file.read_text() for file in (monitoring.DIRECTORY.parents[1] / "src").rglob("*.cc")).lower()
    wanted = re.findall(r"(?:grep|-e) (?:-i )?'([^']+)'", RUNBOOK)
    assert wanted and not [words for words in wanted if words.lower() not in source]


def test_the_command_in_the_readme_extracts_the_rules(tmp_path):
    """Runs the command, which must write a file that Prometheus accepts."""
    readme = (monitoring.DIRECTORY / "README.md").read_text()
    command = re.search(r"```sh\n(/usr/bin/python3 -c .*?)```", readme, re.S)[1]
    command = command.replace("k8s/monitoring/", f"{monitoring.DIRECTORY}/")
    done = subprocess.run(command, shell=True, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, check=False)
    assert done.returncode == 0 and "SUCCESS" in done.stdout, done.stdout
    assert yaml.safe_load((tmp_path / "kafka-http-sink.rules.yml").read_text()) == monitoring.rules()


def test_a_faster_clock_changes_only_times():
    spec = {"groups": [{"name": "g", "rules": [
        {"alert": "A", "expr": 'x{y="10m"}[10m] offset 1h > 5 and z[30m:1m]', "for": "5m", "labels": {}}]}]}
    assert monitoring.faster(spec, 20) == {"groups": [{"name": "g", "rules": [
        {"alert": "A", "expr": 'x{y="10m"}[30000ms] offset 180000ms > 5 and z[90000ms:3000ms]', "for": "15000ms",
         "labels": {}}]}]}


def test_the_podmonitor_sets_the_job_that_the_rules_select():
    spec = yaml.safe_load((monitoring.DIRECTORY / "podmonitor.yaml").read_text())["spec"]
    endpoint, = spec["podMetricsEndpoints"]
    assert (endpoint["port"], endpoint["path"]) == ("metrics", "/metrics")
    job, = [one["replacement"] for one in endpoint["relabelings"] if one.get("targetLabel") == "job"]
    named = {found for rule in ALERTS.values() for found in re.findall(r'job="([^"]+)"', rule["expr"])}
    assert named == {job}
