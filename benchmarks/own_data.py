"""Images of a folder: how fast they come, in what memory, and how soon.

4,000 JPEGs of 256 x 256 pixels as batches of 32 of 128 x 128, float32 in [0, 1], by one
pass over `kdl.data.Batches`, beside PyTorch's `DataLoader` with two workers that decode
with Pillow, and Keras's `image_dataset_from_directory`. Nothing trains. Then the most
memory that a pass over 1,000 and over 20,000 files adds, and the seconds to the first
batch of 100,000 names. Each figure is the median of runs in processes of their own, in
rounds. Imports do not count, nor does the memory of other processes, such as workers.

Targets: as many images a second as the faster of the others; a folder of 20,000 files
adds no more memory than one of 1,000, but for 20 MB of names; the first batch of
100,000 names comes within 2 seconds.

The figures are in docs/benchmarks/recipes.md. It needs Linux.

KERAS_BACKEND=torch python benchmarks/own_data.py
"""

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

SIDE, BATCH, CLASSES = 128, 32, 4
IMAGES, MANY, NAMES = 4000, 20_000, 100_000


def main(runs=3):
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        photos = make_photos(folder / "photos", IMAGES)
        few = make_links(folder / "few", photos, 1000)
        many = make_links(folder / "many", photos, MANY)
        names = make_links(folder / "names", photos, NAMES)
        readers = {
            "kdl.data.Batches": "kdl",
            "the same without threads": "kdl_alone",
            "DataLoader, 2 workers": "torch",
            "image_dataset_from_directory": "keras",
        }
        found = rounds({reader: (reader, photos) for reader in readers.values()}, runs)
        print(f"$ python {' '.join(sys.argv)}, {os.cpu_count()} cores\n")
        print("| images of a folder | images/s | CPU ms an image | MB added |")
        print("|---|---|---|---|")
        for name, reader in readers.items():
            some = found[reader]
            print(
                f"| {name} | {some['images']:.0f} | {some['cpu']:.2f} | "
                f"{some['memory']:.0f} |"
            )
        best = max(found["torch"]["images"], found["keras"]["images"])
        is_met = found["kdl"]["images"] >= best
        print(f"\nAs fast as the faster one: {verdict(is_met)}\n")
        found = rounds({1000: ("kdl", few), MANY: ("kdl", many)}, runs)
        memory = {count: some["memory"] for count, some in found.items()}
        for count, added in memory.items():
            print(f"Memory that a pass over {count} files adds: {added:.0f} MB")
        print(f"Constant: {verdict(memory[MANY] <= memory[1000] + 20)}\n")
        (some,) = rounds({"first": ("first", names)}, runs).values()
        seconds = some["seconds"]
        print(f"First batch of {NAMES} names: {seconds:.2f} s: {verdict(seconds <= 2)}")


def rounds(cases, runs):
    """The medians of what is measured of each case, in rounds of all of them."""
    found = {name: [] for name in cases}
    for _ in range(runs):
        for name, case in cases.items():
            found[name].append(measured(*case))
    return {
        name: {key: statistics.median(run[key] for run in some) for key in some[0]}
        for name, some in found.items()
    }


def verdict(is_met):
    return "met" if is_met else "missed"


def measured(reader, folder):
    """What `measure` finds in a process of its own."""
    command = [sys.executable, __file__, reader, str(folder)]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return json.loads(output.splitlines()[-1])


def measure(reader, folder):
    """Prints seconds, images a second, CPU and memory of a pass over a folder."""
    batches = READERS[reader]
    # What the imports and the first call of a library take does not count.
    with tempfile.TemporaryDirectory() as small:
        for batch in batches(make_photos(Path(small), 16)):
            assert np.shape(batch)[1:] == (SIDE, SIDE, 3)
    before = reset_peak()
    cpu, start, count = cpu_seconds(), time.perf_counter(), 0
    for batch in batches(folder):
        count += len(batch)
        if reader == "first":
            break
    seconds = time.perf_counter() - start
    added = status("VmHWM") - before
    results = {
        "seconds": seconds,
        "images": count / seconds,
        "cpu": 1000 * (cpu_seconds() - cpu) / count,
        "memory": added / 1024,
    }
    print(json.dumps(results))


def reset_peak():
    """Returns the memory of this process, from which its peak counts now; in KiB."""
    Path("/proc/self/clear_refs").write_text("5")
    return status("VmRSS")


def status(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith(name))
    return int(line.split()[1])


def cpu_seconds():
    """Of this process and those that it began and that have ended."""
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    usages = map(resource.getrusage, kinds)
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def with_kdl(folder):
    import kdl
    from kdl.data.sources.images.folder import image_files

    x = image_files(folder, (SIDE, SIDE, 3))
    for batch, _ in kdl.data.Batches(x, np.zeros(len(x)), BATCH):
        yield batch


def with_kdl_alone(folder):
    from kdl.data.sources.images.folder import image_files

    x = image_files(folder, (SIDE, SIDE, 3))
    rows = np.random.default_rng(0).permutation(len(x))
    for start in range(0, len(x), BATCH):
        yield x[rows[start : start + BATCH]]


def first_with_kdl(folder):
    """As a training begins: with classes, splits and sizes."""
    import kdl

    (x, y), _, _ = kdl.data.load(f"images:{folder}?size={SIDE}")
    for batch, _ in kdl.data.Batches(x, y, BATCH):
        yield batch


def with_torch(folder):
    from torch.utils.data import DataLoader, Dataset

    paths = sorted(Path(folder).rglob("*.jpg"))

    class Photos(Dataset):
        def __len__(self):
            return len(paths)

        def __getitem__(self, index):
            image = Image.open(paths[index]).convert("RGB")
            image = image.resize((SIDE, SIDE), Image.Resampling.BILINEAR)
            return np.asarray(image) / np.float32(255)

    yield from DataLoader(Photos(), BATCH, shuffle=True, num_workers=2)


def with_keras(folder):
    import keras

    data = keras.utils.image_dataset_from_directory(
        folder,
        labels=None,
        image_size=(SIDE, SIDE),
        batch_size=BATCH,
        verbose=False,
    )
    for x in data:
        yield x.numpy() / np.float32(255)


def make_photos(folder, count):
    """Writes JPEGs as detailed as photographs, in folders of classes."""
    rng = np.random.default_rng(0)
    for n in range(count):
        path = folder / f"class_{n % CLASSES}" / f"{n:06}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        rough = rng.integers(0, 256, (24, 24, 3)).astype("uint8")
        image = Image.fromarray(rough).resize((256, 256), Image.Resampling.BICUBIC)
        noise = rng.normal(0, 8, (256, 256, 3))
        pixels = np.clip(np.asarray(image) + noise, 0, 255).astype("uint8")
        Image.fromarray(pixels).save(path, quality=85)
    return folder


def make_links(folder, photos, count):
    """Makes more names of the same files."""
    paths = sorted(photos.rglob("*.jpg"))
    for n in range(count):
        path = folder / f"class_{n % CLASSES}" / f"{n:06}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        os.link(paths[n % len(paths)], path)
    return folder


READERS = {
    "kdl": with_kdl,
    "kdl_alone": with_kdl_alone,
    "first": first_with_kdl,
    "torch": with_torch,
    "keras": with_keras,
}

if __name__ == "__main__":
    if len(sys.argv) > 2:
        measure(*sys.argv[1:])
    else:
        main()
