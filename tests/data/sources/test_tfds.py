import functools
import importlib.util
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from contracts import same

from kdl.data import Batches, digits, tfds
from kdl.data.on_disk import OnDisk
from kdl.data.sources import hosts

pytestmark = pytest.mark.one_backend


class TestTfds:
    def test_prepares_and_reads_the_digits_offline(self, tmp_path):
        first = tfds("sklearn_digits", tmp_path)
        assert same(first, digits())
        files = sorted(path for path in tmp_path.rglob("*") if path.is_file())
        times = [path.stat().st_mtime_ns for path in files]
        assert same(tfds("sklearn_digits", tmp_path), first)
        assert [path.stat().st_mtime_ns for path in files] == times

    def test_scales_integers_and_splits_what_is_not_split(self, tmp_path):
        make_builder()
        (x, y), (x_val, y_val), (x_test, y_test) = tfds("gray_squares", tmp_path)
        assert [len(x), len(x_val), len(x_test)] == [36, 4, 6]
        assert x.dtype == "float32" and y.dtype == "int32"
        assert x.shape[1:] == (4, 4, 1)
        # Image i has the gray value i and the label i % 2.
        np.testing.assert_allclose(
            np.sort(np.concatenate([x, x_val])[:, 0, 0, 0] * 255), range(40), atol=1e-5
        )
        for images, labels in ((x, y), (x_val, y_val), (x_test, y_test)):
            np.testing.assert_array_equal(np.rint(images[:, 0, 0, 0] * 255) % 2, labels)
        assert np.bincount(y_val).tolist() == [2, 2]

    def test_inputs_of_a_large_data_set_stay_on_disk(self, tmp_path, monkeypatch):
        make_builder()
        whole = tfds("gray_squares", tmp_path, seed=1)
        monkeypatch.setattr(sys.modules["kdl.data.sources.tfds"], "MOST_BYTES", 1000)
        splits = tfds("gray_squares", tmp_path, seed=1)
        assert splits.classes == whole.classes == ["0", "1"]
        for (x, y), (array, labels) in zip(splits, whole, strict=True):
            assert isinstance(x, OnDisk) and isinstance(array, np.ndarray)
            assert x.shape == array.shape and x.dtype == array.dtype
            assert same(x[np.arange(len(x))], array) and same(y, labels)
        batches = zip(Batches(*splits.train, 8), Batches(*whole.train, 8), strict=True)
        assert all(same(*pair) for pair in batches)
        names = [name for x, _ in splits for name in x.names()]
        assert len(set(names)) == 46
        assert splits.summary()["duplicates"] is None

    def test_decodes_labels_without_inputs(self, tmp_path, monkeypatch):
        make_builder()
        tfds("gray_squares", tmp_path)
        monkeypatch.setattr(sys.modules["kdl.data.sources.tfds"], "MOST_BYTES", 1000)
        import tensorflow_datasets

        def fail(*args, **kwargs):
            raise AssertionError("An image was decoded")

        image = tensorflow_datasets.features.Image
        monkeypatch.setattr(image, "decode_example_np", fail)
        (x, y), _, _ = tfds("gray_squares", tmp_path)
        assert len(y) == 36
        with pytest.raises(AssertionError, match="An image was decoded"):
            x[0]

    def test_refuses_a_data_set_that_only_tensorflow_reads(self, tmp_path):
        builder = make_builder()(data_dir=tmp_path, file_format="array_record")
        builder.download_and_prepare()
        info = Path(builder.data_path) / "dataset_info.json"
        info.write_text(info.read_text().replace("array_record", "tfrecord"))
        with pytest.raises(ValueError) as error:
            tfds("gray_squares", tmp_path)
        assert str(error.value) == (
            f"The data set 'gray_squares' in {builder.data_path} was prepared as "
            "tfrecord, which only TensorFlow reads. Choose another data directory, "
            "where it will be prepared as array_record."
        )

    def test_says_at_once_that_there_is_no_network(self, tmp_path, monkeypatch):
        import requests

        def unreachable(host, timeout):
            time.sleep(30)

        monkeypatch.setattr(requests, "head", unreachable)
        monkeypatch.setattr(hosts, "PATIENCE", 0.1)
        with pytest.raises(ConnectionError) as error:
            tfds("mnist", tmp_path)
        folder = tmp_path / "mnist" / "3.0.1"
        assert str(error.value) == (
            f"The data set 'mnist' is not prepared in {folder}, and cannot be "
            "downloaded now: https://storage.googleapis.com (no answer). Connect to "
            "the network, or choose the data directory in which it is prepared as "
            "array_record."
        )

    def test_refuses_unknown_names(self, tmp_path):
        with pytest.raises(ValueError, match="knows no data set 'no_such_data'"):
            tfds("no_such_data", tmp_path)

    def test_names_the_extra_that_is_missing(self, monkeypatch):
        find = importlib.util.find_spec
        monkeypatch.setattr(
            importlib.util,
            "find_spec",
            lambda name: None if name == "array_record" else find(name),
        )
        with pytest.raises(ImportError) as error:
            tfds("mnist")
        assert str(error.value) == (
            "TensorFlow Datasets needs packages that are not installed: array_record. "
            "Install them with: pip install 'keras-kdl[tfds]'"
        )


@functools.cache
def make_builder():
    """Defines, and so registers, a data set of 40 and 6 small images."""
    import tensorflow_datasets

    class GraySquares(tensorflow_datasets.core.GeneratorBasedBuilder):
        VERSION = tensorflow_datasets.core.Version("1.0.0")

        def _info(self):
            features = {
                "image": tensorflow_datasets.features.Image(shape=(4, 4, 1)),
                "label": tensorflow_datasets.features.ClassLabel(num_classes=2),
            }
            return tensorflow_datasets.core.DatasetInfo(
                builder=self,
                features=tensorflow_datasets.features.FeaturesDict(features),
                supervised_keys=("image", "label"),
            )

        def _split_generators(self, dl_manager):
            return {
                "train": self._generate_examples(40),
                "test": self._generate_examples(6),
            }

        def _generate_examples(self, count):
            for i in range(count):
                yield i, {"image": np.full((4, 4, 1), i, "uint8"), "label": i % 2}

    return GraySquares
