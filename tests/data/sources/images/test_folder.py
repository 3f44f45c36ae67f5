import itertools
import os
import shutil
import unicodedata

import numpy as np
import pytest
from contracts import same
from image_folders import make_folder, truncate
from PIL import Image

from kdl.data import load
from kdl.data.on_disk import concatenate
from kdl.data.sources.images import folder as module
from kdl.data.sources.images.decoding import decode
from kdl.data.sources.images.folder import image_files, read_folder

pytestmark = pytest.mark.one_backend

KINDS = ".png, .jpg, .jpeg, .bmp, .webp, .gif"


def names(splits):
    return [x.names() for x, _ in splits]


class TestReadFolder:
    def test_classes_are_the_folders_in_order_of_their_names(self, tmp_path):
        make_folder(tmp_path, {"b": 20, "a": 30, "Z": 10})
        splits = read_folder(tmp_path, seed=0)
        assert splits.classes == ["Z", "a", "b"]
        for x, y in splits:
            assert x.shape == (len(y), 6, 5, 3) and x.dtype == "float32"
            assert y.dtype == "int32"
            for name, label in zip(x.names(), y, strict=True):
                assert name.split(os.sep)[0] == splits.classes[label]

    def test_splits_by_seed_with_a_tenth_of_each_class(self, tmp_path):
        make_folder(tmp_path, {"a": 30, "b": 50, "c": 3})
        splits = read_folder(tmp_path, seed=0)
        counts = [np.bincount(y).tolist() for _, y in splits]
        assert counts == [[24, 40, 1], [3, 5, 1], [3, 5, 1]]
        every = list(itertools.chain(*names(splits)))
        assert len(every) == len(set(every)) == 83
        assert names(read_folder(tmp_path, seed=0)) == names(splits)
        assert names(read_folder(tmp_path, seed=1)) != names(splits)

    def test_reads_the_rows_that_are_asked_for(self, tmp_path):
        make_folder(tmp_path, {"a": 5, "b": 5})
        x, _ = read_folder(tmp_path, seed=0).train
        for row, name in enumerate(x.names()):
            pixels = decode(str(tmp_path / name), (6, 5), 3)
            np.testing.assert_array_equal(x[row], pixels / np.float32(255))
        assert x.paths() == [str(tmp_path / name) for name in x.names()]

    def test_tells_sizes_without_reading_pixels(self, tmp_path):
        make_folder(tmp_path, {"a": 12, "b": 12})
        for number, path in enumerate(sorted(tmp_path.rglob("*.png"))):
            Image.new("RGB", (4 + number, 6)).save(path)
        splits = read_folder(tmp_path, seed=0)
        x = concatenate([part for part, _ in splits])[5:9]
        details = x.details()
        for row, name in enumerate(x.names()):
            with Image.open(tmp_path / name) as image:
                assert details["width of the file"][row] == image.width
            size = os.stat(tmp_path / name).st_size
            assert details["bytes of the file"][row] == size
        assert details["height of the file"].tolist() == [6] * 4

    @pytest.mark.parametrize("validation", ["validation", "val", "valid"])
    def test_takes_parts_that_are_folders(self, tmp_path, validation):
        counts = {"train": 6, validation: 4, "test": 3}
        make_folder(tmp_path, {f"{p}/{c}": n for p, n in counts.items() for c in "ab"})
        splits = read_folder(tmp_path, seed=0)
        for (part, count), (x, y) in zip(counts.items(), splits, strict=True):
            assert np.bincount(y).tolist() == [count, count]
            assert all(name.startswith(part + os.sep) for name in x.names())
            # Not class by class.
            assert (np.diff(y) < 0).any()

    def test_draws_parts_that_are_missing(self, tmp_path):
        make_folder(tmp_path, {f"{p}/{c}": 20 for p in ("train", "test") for c in "ab"})
        splits = read_folder(tmp_path, seed=0)
        assert [len(y) for _, y in splits] == [36, 4, 40]
        shutil.rmtree(tmp_path / "test")
        splits = read_folder(tmp_path, seed=0)
        assert [len(y) for _, y in splits] == [32, 4, 4]

    def test_a_class_may_have_the_name_of_a_part(self, tmp_path):
        make_folder(tmp_path, {"train": 5, "plane": 5})
        assert read_folder(tmp_path, seed=0).classes == ["plane", "train"]

    def test_finds_images_in_folders_of_a_class_and_no_other_files(self, tmp_path):
        make_folder(tmp_path, {"a": 3, "a/deep/er": 2, "b": 5, ".hidden": 3})
        for name in ("a/notes.txt", "a/._1.png", "b/Thumbs.db", "README.md"):
            (tmp_path / name).write_text("no image")
        splits = read_folder(tmp_path, seed=0)
        assert splits.classes == ["a", "b"]
        assert sum(np.bincount(y) for _, y in splits).tolist() == [5, 5]

    def test_without_folders_of_classes_all_are_of_one(self, tmp_path):
        make_folder(tmp_path, {"train": 6, "test": 2})
        splits = read_folder(tmp_path)
        assert splits.classes == ["all"]
        assert [len(y) for _, y in splits] == [5, 1, 2]
        assert not np.concatenate([y for _, y in splits]).any()

    def test_follows_links_to_elsewhere(self, tmp_path):
        make_folder(tmp_path / "elsewhere", {"c": 4})
        root = make_folder(tmp_path / "root", {"a": 4})
        (root / "b").symlink_to(tmp_path / "elsewhere" / "c")
        (root / "a" / "linked.png").symlink_to(tmp_path / "elsewhere" / "c" / "0.png")
        x, y = zip(*read_folder(root, seed=0), strict=True)
        assert np.bincount(np.concatenate(y)).tolist() == [5, 4]
        assert [part[0].shape for part in x] == [(6, 5, 3)] * 3

    def test_names_may_be_of_any_characters(self, tmp_path):
        """Also two that look alike, and one that is not in UTF-8."""
        composed, apart = (unicodedata.normalize(form, "é") for form in ("NFC", "NFD"))
        odd = os.fsdecode(b"\xff\xfe") if os.name == "posix" else "odd"
        classes = [composed, apart, "日本 語", "a?size=3", "#1 & co", "🐈", odd]
        make_folder(tmp_path, {name: 3 for name in classes})
        for name in ("ü ñ.png", "%20.png", "'\".png"):
            shutil.copy(tmp_path / "🐈" / "0.png", tmp_path / "🐈" / name)
        splits = load(f"images:{tmp_path}")
        assert splits.classes == sorted(classes)
        assert sum(len(x[np.arange(len(x))]) for x, _ in splits) == 24
        assert splits.summary()["duplicates"]

    def test_size_is_that_of_the_images_if_it_is_the_same(self, tmp_path):
        make_folder(tmp_path, {"a": 3, "b": 3}, size=(200, 150))
        assert read_folder(tmp_path, seed=0).train[0].shape[1:] == (200, 150, 3)

    def test_size_is_the_median_otherwise_and_at_most_128(self, tmp_path):
        make_folder(tmp_path, {"a": 3}, size=(200, 30))
        make_folder(tmp_path, {"b": 4}, size=(300, 40))
        splits = read_folder(tmp_path, seed=0)
        assert splits.train[0].shape[1:] == (128, 40, 3)
        assert splits.train[0][:2][np.arange(2)].shape == (2, 128, 40, 3)

    def test_grey_images_have_one_channel(self, tmp_path):
        make_folder(tmp_path, {"a": 3, "b": 3})
        for path in tmp_path.rglob("*.png"):
            Image.open(path).convert("L").save(path)
        assert read_folder(tmp_path, seed=0).train[0].shape[1:] == (6, 5, 1)
        splits = read_folder(tmp_path, seed=0, channels=3)
        assert splits.train[0].shape[1:] == (6, 5, 3)
        Image.new("RGB", (5, 6)).save(tmp_path / "a" / "0.png")
        assert read_folder(tmp_path, seed=0).train[0].shape[1:] == (6, 5, 3)

    def test_opens_no_more_files_than_it_says(self, tmp_path, monkeypatch):
        make_folder(tmp_path, {"a": 30, "b": 30})
        monkeypatch.setattr(module, "_EXAMINED", 7)
        opened = []
        examine = module.examine

        def spy(path, wholly):
            opened.append(path)
            return examine(path, wholly)

        monkeypatch.setattr(module, "examine", spy)
        splits = read_folder(tmp_path, seed=0)
        assert len(set(opened)) == len(opened) == 7
        assert {os.path.dirname(path)[-1] for path in opened} == {"a", "b"}
        assert splits.summary()["files"]["examined"] == 7

    def test_options_of_the_source(self, tmp_path):
        make_folder(tmp_path, {"a": 3, "b": 3})
        for options, shape in (
            ("?size=4", (4, 4, 3)),
            ("?size=4x8", (4, 8, 3)),
            ("?channels=1&size=7", (7, 7, 1)),
            ("?", (6, 5, 3)),
            ("?skip_damaged=false", (6, 5, 3)),
        ):
            x, _ = load(f"images:{tmp_path}{options}").train
            assert x.shape[1:] == x[0].shape == shape


class TestRefusals:
    def refused(self, folder, message, kind=ValueError, **options):
        with pytest.raises(kind) as error:
            read_folder(folder, seed=0, **options)
        assert str(error.value) == message

    def test_a_folder_that_does_not_exist(self, tmp_path):
        path = tmp_path / "nowhere"
        message = f"Cannot read the folder {path}: No such file or directory"
        self.refused(path, message, OSError)

    def test_a_file(self, tmp_path):
        path = tmp_path / "file"
        path.write_text("")
        self.refused(path, f"Cannot read the folder {path}: Not a directory", OSError)

    def test_a_folder_that_cannot_be_read(self, tmp_path, monkeypatch):
        make_folder(tmp_path, {"a": 3, "b": 3})
        scan = os.scandir

        def forbidden(path):
            if str(path).endswith("b"):
                raise PermissionError(13, "Permission denied", str(path))
            return scan(path)

        monkeypatch.setattr(os, "scandir", forbidden)
        message = f"Cannot read the folder {tmp_path / 'b'}: Permission denied"
        self.refused(tmp_path, message, OSError)

    def test_no_images(self, tmp_path):
        self.refused(
            tmp_path,
            f"{tmp_path} must have images in it, files that end in {KINDS}. Add some, "
            "or delete the folder.",
        )

    def test_too_few_images_without_classes(self, tmp_path):
        make_folder(tmp_path, {".": 2})
        self.refused(
            tmp_path,
            f"{tmp_path} must have 3 images or more, one each for training, validation "
            "and test. Received: 2 images. Add some, or delete the folder.",
        )

    def test_an_empty_class(self, tmp_path):
        make_folder(tmp_path, {"a": 3, "b": 0, "c": 3})
        (tmp_path / "b" / "notes.txt").write_text("no image")
        self.refused(
            tmp_path,
            f"{tmp_path / 'b'} must have images in it, files that end in {KINDS}. Add "
            "some, or delete the folder.",
        )

    @pytest.mark.parametrize(("count", "few"), [(1, "1 image"), (2, "2 images")])
    def test_a_class_of_too_few_images_to_split(self, tmp_path, count, few):
        make_folder(tmp_path, {"a": 3, "b": count})
        self.refused(
            tmp_path,
            f"{tmp_path / 'b'} must have 3 images or more, one each for training, "
            f"validation and test. Received: {few}. Add some, or delete the folder.",
        )

    def test_a_class_of_too_few_images_for_one_more_part(self, tmp_path):
        make_folder(tmp_path, {"train/a": 3, "train/b": 1, "test/a": 1})
        self.refused(
            tmp_path,
            f"{tmp_path / 'train' / 'b'} must have 2 images or more, one each for "
            "training and validation. Received: 1 image. Add some, or delete the "
            "folder.",
        )

    def test_a_class_that_training_lacks(self, tmp_path):
        make_folder(tmp_path, {"train/a": 3, "train/b": 3, "test/c": 1})
        self.refused(
            tmp_path,
            f"{tmp_path / 'test'} must have no other classes than "
            f"{tmp_path / 'train'}. Received: 'c'",
        )

    def test_two_folders_of_validation(self, tmp_path):
        parts = ("train", "val", "valid")
        make_folder(tmp_path, {f"{part}/{name}": 3 for part in parts for name in "ab"})
        self.refused(
            tmp_path,
            f"{tmp_path} must have one folder for validation. Received: 'val' "
            "and 'valid'",
        )

    @pytest.mark.parametrize("link", ["loop", "a/loop", "a/deep/loop"])
    @pytest.mark.parametrize("target", [".", ""])
    def test_links_in_a_circle(self, tmp_path, link, target):
        make_folder(tmp_path, {"a/deep": 3, "b": 3})
        path = tmp_path / link
        # To a folder that holds it, or to itself.
        path.symlink_to(tmp_path / target if target else path)
        message = f"{path} is a link that leads in a circle. Delete it."
        self.refused(tmp_path, message)

    def test_a_damaged_file(self, tmp_path):
        make_folder(tmp_path, {"a": 3, "b": 3}, suffix=".jpg")
        path = truncate(tmp_path / "b" / "1.jpg")
        self.refused(
            tmp_path,
            f"{path} cannot be read as an image: it is truncated. Repair or delete it; "
            "the option ?skip_damaged=true of the source leaves such files out.",
        )

    def test_leaves_damaged_files_out_on_request(self, tmp_path):
        make_folder(tmp_path, {"a": 5, "b": 5}, suffix=".jpg")
        paths = [truncate(tmp_path / "a" / "1.jpg"), tmp_path / "b" / "text.jpg"]
        paths[1].write_text("This is a text.")
        splits = load(f"images:{tmp_path}?skip_damaged=true")
        assert sum(np.bincount(y) for _, y in splits).tolist() == [4, 5]
        for x, _ in splits:
            assert not {*x.paths()} & {*map(str, paths)}
            assert x[np.arange(len(x))].shape == x.shape
        summary = splits.summary()
        assert summary["files"]["damaged"] == {
            str(paths[0]): "it is truncated",
            str(paths[1]): "it is no PNG, JPEG, BMP, WebP or GIF",
        }
        assert summary["warnings"] == ["2 damaged files were left out."]
        for n in (0, 2):
            truncate(tmp_path / "a" / f"{n}.jpg")
        self.refused(
            tmp_path,
            f"{tmp_path / 'a'} must have 3 images or more, one each for training, "
            "validation and test. Received: 2 images. Add some, or delete the folder.",
            skip_damaged=True,
        )


class TestImageFiles:
    def test_reads_files_and_folders_in_order(self, tmp_path):
        make_folder(tmp_path, {"a": 3, "b": 2})
        path = tmp_path / "b" / "1.png"
        x = image_files([path, tmp_path / "a"], (4, 4, 1))
        assert x.paths() == [str(path), *(str(tmp_path / f"a/{n}.png") for n in "012")]
        assert x[np.arange(4)].shape == (4, 4, 4, 1)
        assert same(image_files(str(path), (4, 4, 1))[0], x[0])

    def test_refuses_a_folder_without_images(self, tmp_path):
        with pytest.raises(ValueError) as error:
            image_files(tmp_path, (4, 4, 1))
        assert str(error.value) == (
            f"{tmp_path} must have images in it, files that end in {KINDS}. Add some, "
            "or delete the folder."
        )
