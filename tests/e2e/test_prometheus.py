# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The dashboard and the alert rules: names that exist, and answers from a real Prometheus."""

import contextlib
import ftplib
import json
import os
import re
import shutil
import urllib.parse
import urllib.request

import pytest

from lab import wait_until
from prometheus import binary, promtool, samples
from scenes import login, publish
from servers import TOP, Vsftpd
from service import METRICS, Service

pytestmark = pytest.mark.ftpnat

DASHBOARD = os.path.join(TOP, "docs", "grafana", "ftpnat.json")
PROMETHEUS = os.path.join(TOP, "docs", "prometheus")
ALERTS = os.path.join(PROMETHEUS, "alerts.yaml")


def dashboard():
    with open(DASHBOARD) as file:
        return json.load(file)


def dashboard_queries(cluster=False):
    """Title and query: of one gateway, or of the row about its cluster."""
    return {f"{panel['title']} {target['refId']}".removesuffix(" A"): target["expr"]
            for panel in dashboard()["panels"] for target in panel.get("targets", [])
            if ("ftpnat_cluster_" in json.dumps(panel)) == cluster}


def alert_text():
    with open(ALERTS) as file:
        return file.read()


def concrete(query):
    """As Grafana sends it when all is chosen."""
    query = query.replace("$__rate_interval", "10s").replace("$__range", "1m")
    return query.replace('"$instance"', '".*"').replace('"$rule"', '".*"')


@pytest.fixture
def scene(make_lab):
    lab = make_lab()
    server, vips = Vsftpd(lab.server).start(), lab.vips()
    lab.gateway.write({"publish": [publish("files", vips, [server], health={})],
                       "records": {"transfers": lab.file("transfers.json")}, **METRICS})
    return lab, server, vips, Service(lab)


def test_rules_are_valid_and_fire_when_they_should(tmp_path):
    checked = promtool("check", "rules", ALERTS)
    assert checked.returncode == 0, checked.stderr
    config = promtool("check", "config", os.path.join(PROMETHEUS, "prometheus.yaml"))
    assert config.returncode == 0, config.stdout + config.stderr
    (tmp_path / "dashboard.yaml").write_text(json.dumps({"groups": [{"name": "dashboard", "rules": [
        {"record": f"cluster:{number}", "expr": concrete(query)}
        for number, query in enumerate(dashboard_queries(cluster=True).values())]}]}))
    panels = promtool("check", "rules", str(tmp_path / "dashboard.yaml"))
    assert panels.returncode == 0, panels.stderr
    assert "12 rules found" in panels.stdout
    tested = promtool("test", "rules", os.path.join(TOP, "tests", "prometheus", "alerts_test.yaml"))
    assert tested.returncode == 0, tested.stdout + tested.stderr


def test_a_wrong_rule_would_be_found(tmp_path):
    (tmp_path / "alerts.yaml").write_text(alert_text().replace("ftpnat_degraded_by_cause > 0", "ftpnat_degraded_by_cause >"))
    assert promtool("check", "rules", str(tmp_path / "alerts.yaml")).returncode == 1


def test_every_name_in_a_query_is_exported(scene):
    lab, _, _, service = scene
    with open(lab.gateway.path) as file:
        config = json.load(file)
    service.reload({**config, "cluster": {"slot": 1}})  # it needs no corosync to have its metrics
    text = service.get()[1]
    names = {name for name, _ in samples(text)}
    reasons = {dict(labels)["reason"] for name, labels in samples(text) if name == "ftpnat_reasons_total"}
    queries = [*dashboard_queries().values(), *dashboard_queries(cluster=True).values(), alert_text(), json.dumps(dashboard()["templating"])]
    used = {name for query in queries for name in re.findall(r"\bftpnat_\w+", query)}
    assert used - names == set()
    assert len(used) > 8
    asked = {reason for query in queries for listed in re.findall(r'reason=~"([a-z_|]+)"', query)
             for reason in listed.split("|")}
    assert asked - reasons == set()
    assert "line_no_port" in asked
    with open(os.path.join(TOP, "docs", "service.md")) as file:
        rows = [line.split("|")[1] for line in file if line.startswith("| `ftpnat_")]
    assert {name for row in rows for name in re.findall(r"ftpnat_\w+", row)} == names, "the documented ones"


def test_panels_stand_beside_each_other_with_units():
    panels = dashboard()["panels"]
    cells = [(x, y) for place in (panel["gridPos"] for panel in panels)
             for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])]
    assert len(cells) == len(set(cells)) and max(x for x, _ in cells) < 24
    assert len({panel["id"] for panel in panels}) == len({panel["title"] for panel in panels}) == len(panels)
    assert all(panel["fieldConfig"]["defaults"]["unit"] for panel in panels if panel["type"] not in ("table", "row"))


def legend(panel, labels):
    """As Grafana writes it; a label that the series lacks is a fault."""
    return re.sub(r"{{(\w+)}}", lambda match: labels[match[1]], panel["targets"][0]["legendFormat"])


class Prometheus:
    """The server in the gateway's namespace, with the configuration of the documents, but quicker."""

    def __init__(self, lab):
        self.lab = lab
        folder = lab.file("prometheus")
        os.mkdir(folder)
        shutil.copy(ALERTS, folder)
        with open(os.path.join(PROMETHEUS, "prometheus.yaml")) as file:
            config = file.read().replace("scrape_interval: 15s", "scrape_interval: 1s\n  evaluation_interval: 1s")
        with open(os.path.join(folder, "prometheus.yaml"), "w") as file:
            file.write(config)
        self.process = lab.gw.start([binary("prometheus"), f"--config.file={folder}/prometheus.yaml",
                                     f"--storage.tsdb.path={folder}/data", "--web.listen-address=127.0.0.1:9090"],
                                    "prometheus")
        wait_until(self.ready, "Prometheus is ready", 60)

    def get(self, path, **query):
        with self.lab.gw.inside():
            url = f"http://127.0.0.1:9090{path}?{urllib.parse.urlencode(query)}"
            with urllib.request.urlopen(url, timeout=10) as answer:
                return answer.read()

    def ready(self):
        with contextlib.suppress(OSError):
            return b"eady" in self.get("/-/ready")
        assert self.process.alive(), self.process.output()
        return False

    def query(self, query):
        return json.loads(self.get("/api/v1/query", query=query))["data"]["result"]

    def rules(self):
        groups = json.loads(self.get("/api/v1/rules"))["data"]["groups"]
        return [rule for group in groups for rule in group["rules"]]


def work(lab, server, vips):
    """A session with a transfer, a refused line, and an active one."""
    with lab.client.inside():
        session = login(lab.client, vips[0], server, "PASV")
        assert session.read("server-name").decode() == server.name
        with contextlib.suppress(ftplib.error_perm):
            session.sendcmd("PORT 10,1,1,3,200,1")
        session.sendcmd("PORT 10,1,1,2,200,1")
        session.quit()


def test_queries_get_answers_from_prometheus_under_load(scene):
    lab, server, vips, _ = scene
    prometheus = Prometheus(lab)
    left = {title: concrete(query) for title, query in dashboard_queries().items()}

    def answered():
        work(lab, server, vips)
        for title, query in list(left.items()):
            if prometheus.query(query):
                del left[title]
        return not left

    wait_until(lambda: answered() or not prometheus.process.alive(), f"answers to {left}", 60)
    assert not left
    for panel in dashboard()["panels"]:
        if panel["type"] == "timeseries":  # of two gateways, too, each series has a legend of its own
            found = [dict(series["metric"], instance=gateway) if "instance" in series["metric"] else series["metric"]
                     for series in prometheus.query(concrete(panel["targets"][0]["expr"])) for gateway in "ab"]
            assert len({legend(panel, labels) for labels in found}) == len({json.dumps(labels) for labels in found})
    assert not prometheus.query("ftpnat_no_such_metric")
    values = {title: float(prometheus.query(concrete(query))[0]["value"][1])
              for title, query in dashboard_queries().items() if title in ("Degraded", "Failed reload")}
    assert values == {"Degraded": 0, "Failed reload": 0}
    rate, = [entry for entry in prometheus.query(concrete(dashboard_queries()["Refused per second"]))
             if entry["metric"] == {"reason": "line_foreign"}]
    assert float(rate["value"][1]) > 0
    wait_until(lambda: all(rule["health"] == "ok" for rule in prometheus.rules()), "all rules work", 30)
    assert len(prometheus.rules()) == 14
    assert {rule["name"] for rule in prometheus.rules() if rule["state"] == "firing"} <= {"FtpnatRefusalsRising"}


def test_alert_of_a_failed_reload_fires(scene):
    lab, _, _, service = scene
    prometheus = Prometheus(lab)
    service.reload({"no_such_key": 1})
    wait_until(lambda: prometheus.query('ALERTS{alertname="FtpnatReloadFailed",alertstate="firing"}'),
               "the alert", 30)
