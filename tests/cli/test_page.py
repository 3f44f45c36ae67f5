import html.parser
import itertools
import json
import math
import re
import shlex
import shutil
import subprocess

import keras
import keras_tuner
import pytest
from searches import EVIL, number, search
from typer.testing import CliRunner

from kdl.tuning import BayesianOptimization
from kdl_cli.commands.arguments import parse
from kdl_cli.folder import outcome
from kdl_cli.main import app
from kdl_cli.page import page
from kdl_cli.page.parallel_coordinates import height

pytestmark = pytest.mark.one_backend

SETTINGS = {
    "kind": "search",
    "recipe": "images",
    "data": "gallery",
    "epochs": 5,
    "objective": "val_loss",
    "direction": "min",
    "status": "finished",
    "started": "2026-01-02T03:04:05+00:00",
    "versions": {"keras": "3.x"},
}
CHROMIUM = shutil.which("chromium")
# Without a network, and without what it would fetch of itself.
OFFLINE = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update"),
    *("--disable-sync", "--host-resolver-rules=MAP * ~NOTFOUND"),
)
# Reads the page in a frame of some width, uses it, and tells what came of it.
FRAME = """
<iframe src="report.html" style="width: WIDTHpx; height: 800px; border: 0"></iframe>
<script>
const frame = document.querySelector("iframe");
frame.addEventListener("load", () => setTimeout(() => {
  const { document: page, Plotly } = frame.contentWindow;
  const charts = [...page.querySelectorAll(".plotly-graph-div")];
  const history = page.getElementById("chart-history");
  Plotly.Fx.hover(history, [{ curveNumber: 0, pointNumber: 0 }]);
  const table = page.querySelector("table.sortable");
  const [button] = [...table.querySelectorAll("button")]
    .filter(button => button.innerText === "val_loss");
  const column = () => [...table.tBodies[0].rows].map(row => row.cells[2].innerText);
  button.click();
  const up = column();
  button.click();
  console.log("read");
  document.body.innerText = JSON.stringify({
    widths: [page.documentElement.scrollWidth, frame.contentWindow.innerWidth],
    drawn: charts.map(chart => chart.querySelectorAll("svg.main-svg .trace").length),
    chartWidths: charts.map(chart => chart.querySelector("svg").clientWidth),
    hovered: history.querySelector(".hovertext").textContent,
    loaded: frame.contentWindow.performance.getEntriesByType("resource").length,
    up, down: column(),
  });
}, 1000));
</script>
"""


class Reader(html.parser.HTMLParser):
    """What is in a page: tags with their attributes, and the text of each."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.texts = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.texts.append("")

    def handle_data(self, data):
        if self.texts:
            self.texts[-1] += data

    def all(self, tag):
        """Pairs of attributes and text."""
        pairs = zip(self.tags, self.texts, strict=True)
        return [(attributes, text) for (name, attributes), text in pairs if name == tag]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Folder of a search by `kdl tune` that has its page."""
    folder = tmp_path_factory.mktemp("page")
    write(folder, search(directory=folder / "trials"))
    return folder


@pytest.fixture(scope="module")
def reader(folder):
    return Reader((folder / "report.html").read_text(encoding="utf-8"))


def write(folder, record, **settings):
    """The page of a search by `kdl tune`."""
    (folder / "settings.json").write_text(json.dumps(SETTINGS | settings))
    text = page.write(folder, record).read_text(encoding="utf-8")
    return Reader(text)


def headings(reader):
    return [text for _, text in reader.all("h2")]


class TestPage:
    def test_has_a_section_for_each_question(self, reader):
        assert headings(reader) == [
            "Best trial",
            "Optimization history",
            "Parallel coordinates",
            "Slices",
            "Importances",
            "Learning curves",
            "Trials",
            "Failures",
            "Budget",
            "Environment",
        ]
        assert len(reader.all("h3")) == 7  # How to run again, and the slices.
        assert "Left out" not in "".join(reader.texts)

    def test_loads_nothing(self, reader):
        for _, attributes in reader.tags:
            assert not {"src", "srcset", "action", "data"} & attributes.keys()
            assert attributes.get("href", "#").startswith("#")
        assert not reader.all("link")
        policies = [a["content"] for a, _ in reader.all("meta") if "http-equiv" in a]
        assert policies[0].startswith("default-src 'none';")
        for _, style in reader.all("style"):
            assert "url(" not in style and "@import" not in style

    def test_ids_are_unique_and_links_lead_somewhere(self, reader):
        ids = [a["id"] for _, a in reader.tags if "id" in a]
        assert len(ids) == len(set(ids))
        links = [a["href"] for a, _ in reader.all("a")]
        assert {link[1:] for link in links} <= set(ids) and "#main" in links
        labels = [
            a["aria-labelledby"] for _, a in reader.tags if "aria-labelledby" in a
        ]
        assert len(labels) == 10 and set(labels) <= set(ids)

    def test_needs_no_mouse(self, reader):
        assert reader.tags[0] == ("html", {"lang": "en"})
        for landmark in ("header", "nav", "main"):
            assert len(reader.all(landmark)) == 1
        levels = [int(tag[1]) for tag, _ in reader.tags if re.fullmatch(r"h\d", tag)]
        assert levels[0] == 1 and levels.count(1) == 1
        steps = itertools.pairwise(levels)
        assert all(after - before <= 1 for before, after in steps)
        assert all("onclick" not in attributes for _, attributes in reader.tags)
        boxes = [a for a, _ in reader.all("div") if a.get("class") == "scroll"]
        assert all(box["tabindex"] == "0" and box["aria-label"] for box in boxes)
        charts = [a for a, _ in reader.all("div") if a.get("class") == "chart"]
        assert all(chart["role"] == "img" and chart["aria-label"] for chart in charts)

    def test_escapes_all_text(self, reader):
        # Plotly, one for each of the charts, and the sorting.
        charts = [a for a, _ in reader.all("div") if "plotly-graph-div" in str(a)]
        assert len(charts) == 10
        assert len(reader.all("script")) == 2 + len(charts)
        assert not reader.all("b")
        for tag, text in (("td", EVIL), ("h3", EVIL), ("button", EVIL)):
            assert text in [found for _, found in reader.all(tag)]
        assert f"Trial 4: ValueError: {EVIL}" in [t for _, t in reader.all("summary")]
        assert f"line 1\n{EVIL}" in [text for _, text in reader.all("code")]

    def test_has_all_numbers_in_a_table(self, reader):
        record = search()
        cells = {a["data-value"] for a, _ in reader.all("td") if "data-value" in a}
        for trial in record.trials:
            numbers = [v for v in trial.values.values() if type(v) in (int, float)]
            numbers += trial.scores and [trial.score, trial.standard_error]
            numbers += [value for curve in trial.curves for value in curve["val_loss"]]
            assert {str(number) for number in numbers if number is not None} <= cells

    def test_counts_what_was_spent(self, reader):
        rows = " ".join(text for _, text in reader.all("td"))
        # 12 trials of 2 executions of 5 epochs, 6 of 2 epochs and 6 of one.
        assert "completed 12 120 2 min 0 s 10.0 s" in rows
        assert "pruned 6 12 1 min 0 s 10.0 s" in rows
        assert "failed 6 6 1 min 0 s 10.0 s" in rows
        assert "all 24 138 4 min 0 s 10.0 s" in rows

    def test_says_with_what_and_since_when(self, reader):
        texts = [text for tag in ("p", "td", "caption") for _, text in reader.all(tag)]
        assert "Started on 2026-01-02T03:04:05+00:00." in texts
        assert {"Versions", "3.x", "gallery"} <= set(texts)


class TestBest:
    def test_has_scores_on_the_test_set_beside_those_of_the_defaults(self, tmp_path):
        record = search(directory=tmp_path / "trials")
        best, first = record.ranked()[0], record.trials[0]
        found = {
            name: outcome.scores(record, trial, {"accuracy": score})
            for name, trial, score in (
                ("best", best, 0.875),
                ("defaults", first, 0.625),
            )
        }
        path = tmp_path / "results.json"
        path.write_text(json.dumps({"test": {"accuracy": 0.875}, **found}))
        reader = write(tmp_path, record)
        (attributes, _), *_ = reader.all("table")
        assert attributes["class"] == "wide"
        heads = [text for _, text in reader.all("th")]
        assert heads[:3] == ["name", f"best, trial {best.number}", "defaults, trial 1"]
        cells = [text for _, text in reader.all("td")]
        row = cells.index("test_accuracy")
        assert cells[row : row + 3] == ["test_accuracy", "0.875", "0.625"]
        # Of another part of the search, another trial may have been the best.
        found["best"]["trial"] = 999
        path.write_text(json.dumps({"test": {"accuracy": 0.875}, **found}))
        cells = [text for _, text in write(tmp_path, record).all("td")]
        assert "test_accuracy" not in cells


class TestParallel:
    def test_shows_eight_hyperparameters_until_all_are_asked_for(self, tmp_path):
        record = search(60, directory=tmp_path / "trials")
        for n in range(6):
            name = f"more{n}"
            record.space.append(number(name, 0.0, 1.0))
            for trial in record.trials:
                trial.values[name] = (trial.number * (n + 2)) % 11 / 11
        try:
            reader = write(tmp_path, record)
        finally:
            del record.space[-6:]
        (box,) = [a for a, _ in reader.all("input")]
        assert box == {"type": "checkbox"}
        (cut,) = [a for a, _ in reader.all("div") if a.get("class") == "cut"]
        # Below the labels of the eighth axis, above those of the ninth.
        pixels = int(cut["style"].removeprefix("--cut: ").removesuffix("px"))
        assert height(9) < pixels < height(10)
        ((_, text),) = reader.all("input")
        assert text == " Show all 12 hyperparameters, not only the 8 most important"

    def test_shows_all_of_a_few(self, reader):
        assert not reader.all("input")


class TestErrors:
    def test_of_a_section_leave_it_out_and_are_named(self, tmp_path, monkeypatch):
        def fail(search):
            raise ArithmeticError("too odd")

        monkeypatch.setattr(page.page_charts, "history", fail)
        reader = write(tmp_path, search(directory=tmp_path / "trials"))
        assert "Optimization history" not in headings(reader)
        assert len(headings(reader)) == 9
        (text, *_) = [text for _, text in reader.all("p")]
        assert text.endswith(
            " Left out: Optimization history (ArithmeticError: too odd)."
        )


class TestRerun:
    def command(self, reader):
        (command,) = [t for _, t in reader.all("code") if t.startswith("kdl run")]
        return shlex.split(command)

    def test_names_the_folder_with_the_best_values(self, tmp_path):
        record = search(size=5, directory=tmp_path / "trials")
        values = record.ranked()[0].values
        path = tmp_path / "hyperparameters.json"
        path.write_text(json.dumps({"recipe": "images", "values": values}))
        command = self.command(write(tmp_path, record))
        options = ["--hp", str(tmp_path), "--data", "gallery", "--epochs", "5"]
        assert command == ["kdl", "run", "images", *options]

    def test_names_the_values_where_the_folder_has_others(self, tmp_path):
        record = search(size=5, directory=tmp_path / "trials")
        path = tmp_path / "hyperparameters.json"
        path.write_text('{"recipe": "images", "values": {"layers": 9}}')
        command = self.command(write(tmp_path, record))
        given = [text for text in command if "=" in text]
        assert dict(map(parse, given)) == record.ranked()[0].values

    def test_is_python_for_a_search_from_python(self, tmp_path):
        record = search(size=5, directory=tmp_path)
        text = page.write(tmp_path, record).read_text(encoding="utf-8")
        (lines,) = [t for _, t in Reader(text).all("code") if "keras_tuner" in t]
        built = []

        class Model(keras_tuner.HyperModel):
            def build(self, hp):
                built.append({name: hp.Fixed(name, 0) for name in hp.values})

            def fit(self, hp, model, *args, **kwargs):
                built.append(kwargs)

        data = dict.fromkeys(("x", "y", "epochs", "validation_data"))
        exec(lines, {"hypermodel": Model(), **data})
        assert built[0] == record.ranked()[0].values
        assert built[1] == {"epochs": None, "validation_data": None}


class TestFewTrials:
    def test_without_trials(self, tmp_path):
        reader = write(tmp_path, search(0, directory=tmp_path / "trials"))
        assert headings(reader) == ["Best trial", "Trials", "Budget", "Environment"]
        assert "No trial has a score yet." in [text for _, text in reader.all("p")]

    def test_where_all_have_failed(self, tmp_path):
        record = search(16, directory=tmp_path / "trials")
        record.trials = record.trials[3::4]
        expected = ["Best trial", "Learning curves", "Trials", "Failures"]
        assert headings(write(tmp_path, record))[:4] == expected

    def test_with_one(self, tmp_path):
        reader = write(tmp_path, search(1, directory=tmp_path / "trials"))
        assert "Slices" not in headings(reader)
        (text,) = [t for _, t in reader.all("p") if t.startswith("They need 10 trials")]
        assert text.endswith("Trials with a score: 1.")

    def test_while_one_is_running(self, tmp_path):
        record = search(5, directory=tmp_path / "trials")
        record.trials[-1].status, record.trials[-1].score = "running", None
        reader = write(tmp_path, record, status="running")
        assert "still running, or was killed" in reader.all("p")[0][1]


class Rate(keras_tuner.HyperModel):
    """Trains nothing."""

    def build(self, hp):
        hp.Float("rate", 1e-3, 1.0, sampling="log")
        return keras.Sequential()

    def fit(self, hp, model, **kwargs):
        return math.log(hp["rate"]) ** 2


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """Folder of a tuner, in the folder of the search that has it."""
    folder = tmp_path_factory.mktemp("report")
    objective = keras_tuner.Objective("val_loss", "min")
    options = {"directory": folder, "project_name": "trials", "max_trials": 3}
    tuner = BayesianOptimization(Rate(), objective, seed=0, **options)
    tuner.search(verbose=0)
    return folder / "trials"


class TestReport:
    @pytest.mark.parametrize("kind", ["tuner", "kdl tune"])
    def test_writes_the_page_of_both_kinds_of_folder(self, project, kind):
        folder = project
        if kind == "kdl tune":
            folder = project.parent
            (folder / "settings.json").write_text(json.dumps(SETTINGS))
        result = CliRunner().invoke(app, ["report", str(folder)])
        assert result.exit_code == 0, result.output
        assert f"As a page with charts: {folder / 'report.html'}" in result.output
        reader = Reader((folder / "report.html").read_text(encoding="utf-8"))
        assert "Optimization history" in headings(reader)
        name = "trials" if kind == "tuner" else "images"
        assert reader.all("h1")[0][1] == f"Search of {name}"

    def test_prints_the_trials_of_a_tuner(self, project):
        output = CliRunner().invoke(app, ["report", str(project)]).output
        assert "The best of 3 trials:" in output
        tried = json.loads((project / "trial_0" / "trial.json").read_text())
        assert f"{tried['hyperparameters']['values']['rate']:.4g}" in output


@pytest.mark.skipif(CHROMIUM is None, reason="needs chromium on the path")
@pytest.mark.parametrize("width", [375, 1200])
def test_works_in_a_browser(folder, tmp_path, width):
    frame = folder / f"frame_{width}.html"
    frame.write_text(FRAME.replace("WIDTH", str(width)))
    command = [CHROMIUM, *OFFLINE, "--dump-dom", "--enable-logging=stderr"]
    # So that the frame may be read.
    command += ["--allow-file-access-from-files", "--virtual-time-budget=10000"]
    command += [f"--user-data-dir={tmp_path / 'profile'}", f"file://{frame}"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    body = re.search(r"<body[^>]*>(.*)</body>", done.stdout, re.DOTALL)[1]
    seen = json.loads(body)
    content, window = seen["widths"]
    assert content <= window == width
    # No more in the console than what the frame says there.
    assert re.findall(r'CONSOLE.*?\] "(.*)"', done.stderr) == ["read"]
    assert seen["loaded"] == 0
    assert len(seen["drawn"]) == 10 and all(seen["drawn"])
    assert all(300 < drawn <= width for drawn in seen["chartWidths"])
    trial = search().trials[0]
    assert seen["hovered"].startswith("trial 1, completed")
    assert f"val_loss {trial.score:.4g}" in seen["hovered"]
    scores = [float(text) for text in seen["up"] if text]
    assert scores == sorted(scores) and seen["up"][-1] == ""
    assert [float(t) for t in seen["down"] if t] == scores[::-1]
    assert seen["down"][-1] == ""
