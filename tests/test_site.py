"""The site is built from the repository, and each of its links leads somewhere."""

import functools
import http.server
import json
import os
import shutil
import subprocess
import sys
import threading
import urllib.parse
from pathlib import Path

import keras
import pytest

import kdl

ROOT = Path(__file__).parent.parent

pytestmark = pytest.mark.one_backend

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
# Opens each page as a phone does, and tells those that are wider than its screen.
PHONE = """
<iframe width="375" height="800"></iframe>
<script>
async function look() {
  const frame = document.querySelector("iframe"), wide = [];
  for (const page of PAGES) {
    await new Promise((opened) => { frame.onload = opened; frame.src = page; });
    const shown = frame.contentDocument.scrollingElement;
    if (shown.scrollWidth > shown.clientWidth) wide.push(page);
  }
  fetch("/found?" + encodeURIComponent(JSON.stringify(wide)));
}
look();
</script>
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    pytest.importorskip("zensical")
    folder = tmp_path_factory.mktemp("documentation") / "site"
    command = [sys.executable, ROOT / "docs" / "site" / "build.py", "--out", folder]
    environment = os.environ | {"KERAS_BACKEND": keras.backend.backend()}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def page(site, path):
    return (site / path / "index.html").read_text(encoding="utf-8")


def test_has_a_page_for_each_public_name(site):
    for room in ("layers", "evaluation", "recipes"):
        text = page(site, f"reference/{room}")
        assert "for TensorFlow, JAX and PyTorch alike" in text
        for name in getattr(kdl, room).__all__:
            assert f"kdl.{room}.{name}" in page(site, f"reference/{room}/{name}")


def test_an_example_of_a_docstring_is_code(site):
    text = page(site, "reference/evaluation/cross_validate")
    assert "&gt;&gt;&gt; " in text and "<blockquote>" not in text


def test_a_recipe_has_its_hyperparameters(site):
    text = page(site, "recipes/images")
    hp = kdl.recipes.hyperparameters(kdl.recipes.Images(), {})
    assert all(f"<code>{name}</code>" in text for name in hp.values)


def test_nothing_is_loaded_from_elsewhere(site):
    for path in ("", "recipes/images", "reference/layers/Dropout"):
        text = page(site, path)
        assert 'src="http' not in text and 'rel="stylesheet" href="http' not in text


@pytest.mark.skipif(BROWSER is None, reason="Chromium is not installed.")
def test_fits_a_phone(site, tmp_path):
    found, told = [], threading.Event()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def do_GET(self):
            if not self.path.startswith("/found?"):
                return super().do_GET()
            found.extend(json.loads(urllib.parse.unquote(self.path[7:])))
            self.send_error(204)
            told.set()

        def log_message(self, *arguments):
            pass

    pages = [f"/{path.relative_to(site)}" for path in sorted(site.rglob("index.html"))]
    # Of the reference, the tables of each room, and the pages of one.
    pages = [path for path in pages if path.count("/") < 4 or "/callbacks/" in path]
    phone = site / "phone.html"
    phone.write_text(PHONE.replace("PAGES", json.dumps(pages)), encoding="utf-8")
    serve = functools.partial(Handler, directory=site)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), serve) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/{phone.name}"
        options = ["--headless", "--no-sandbox", "--disable-gpu"]
        # Without it, the browser leaves as soon as the page is there.
        options += ["--remote-debugging-port=0", f"--user-data-dir={tmp_path}"]
        browser = subprocess.Popen(
            [BROWSER, *options, address],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            assert told.wait(300)
        finally:
            browser.kill()
            browser.wait()
            server.shutdown()
            phone.unlink()
    assert not found
