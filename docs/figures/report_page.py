"""Draws the picture of README.md: a part of the page of a search, by a Chromium.

kdl tune images --trials 16 --epochs 6 --backend torch --out SEARCH
python docs/figures/report_page.py SEARCH [--browser chromium]
"""

import argparse
import subprocess
import tempfile
from pathlib import Path

from PIL import Image

FILE = Path(__file__).parent.parent / "images" / "report_page.png"
SHOWN = "optimization-history", "parallel-coordinates"
SIZE = 800, 1055  # Pixels; the picture ends within the second section.
COLOURS = 64


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("search", type=Path)
    parser.add_argument("--browser", default="chromium")
    arguments = parser.parse_args()
    page = (arguments.search / "report.html").read_text(encoding="utf-8")
    others = "".join(f":not([aria-labelledby={name}])" for name in SHOWN)
    rule = f"header, nav, section{others} {{display: none}}"
    with tempfile.TemporaryDirectory() as folder:
        part, picture = Path(folder) / "part.html", Path(folder) / "part.png"
        page = page.replace("</style>", f"{rule}</style>", 1)
        part.write_text(page, encoding="utf-8")
        options = ["--headless", "--no-sandbox", "--hide-scrollbars"]
        # Until the charts have found their places.
        options += ["--virtual-time-budget=5000"]
        options += [f"--window-size={SIZE[0]},{SIZE[1]}", f"--screenshot={picture}"]
        command = [arguments.browser, *options, part.as_uri()]
        subprocess.run(command, check=True, capture_output=True)
        with Image.open(picture) as image:
            image = image.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
        image.save(FILE, optimize=True)


if __name__ == "__main__":
    main()
