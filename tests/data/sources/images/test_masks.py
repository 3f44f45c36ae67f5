import os
import shutil

import numpy as np
import pytest
from image_folders import truncate
from PIL import Image

from kdl.data import Batches, RandomFlip, load
from kdl.data.on_disk import OnDisk
from kdl.data.sources.images.masks import read_masks
from kdl.recipes.classes import relabelled

pytestmark = pytest.mark.one_backend


def make(folder, count=10, size=(6, 5), mask=None, mode="L", suffix=".png"):
    """Writes images of noise, and the same noise as masks of 0 and 255."""
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    for n in range(count):
        pixels = rng.integers(0, 256, size).astype("uint8")
        Image.fromarray(pixels).save(folder / "images" / f"{n}{suffix}")
        shown = (pixels > 127) * np.uint8(255) if mask is None else mask(pixels)
        Image.fromarray(shown).convert(mode).save(folder / "masks" / f"{n}.png")
    return folder


def read(part):
    """Images and masks of a part, in memory."""
    return tuple(some[np.arange(len(some))] for some in part)


class TestReadMasks:
    @pytest.mark.parametrize("mode", ["L", "1", "RGB", "RGBA", "P", "I;16"])
    def test_black_and_white_are_background_and_foreground(self, tmp_path, mode):
        splits = read_masks(make(tmp_path, mode=mode))
        assert splits.classes == ["background", "foreground"]
        for part in splits:
            x, y = read(part)
            assert (x.dtype, y.dtype) == ("float32", "int32")
            assert x.shape == (*y.shape, 1)
            np.testing.assert_array_equal(y, x[..., 0] > 0.5)

    def test_grey_values_are_classes(self, tmp_path):
        make(tmp_path, mask=lambda pixels: pixels // 64 * 3 + 2)
        splits = read_masks(tmp_path)
        assert splits.classes == ["2", "5", "8", "11"]
        x, y = read(splits.train)
        np.testing.assert_array_equal(y, (255 * x[..., 0]).round() // 64)

    def test_grey_values_are_lines_of_a_file_of_names(self, tmp_path):
        make(tmp_path, mask=lambda pixels: pixels // 128 * np.uint8(2))
        (tmp_path / "classes.txt").write_text("sky\nroad\ncar\n\n")
        splits = read_masks(tmp_path)
        assert splits.classes == ["sky", "road", "car"]
        x, y = read(splits.train)
        np.testing.assert_array_equal(y, 2 * (x[..., 0] > 0.5))

    def test_a_file_may_name_background_and_foreground(self, tmp_path):
        (make(tmp_path) / "classes.txt").write_text("paper\nink")
        splits = read_masks(tmp_path)
        assert splits.classes == ["paper", "ink"]
        assert np.unique(read(splits.train)[1]).tolist() == [0, 1]

    @pytest.mark.parametrize("mode", ["RGB", "P"])
    def test_colours_are_classes_in_order_of_their_codes(self, tmp_path, mode):
        colours = np.array([[255, 0, 0], [0, 0, 102], [0, 51, 0]], "uint8")
        make(tmp_path, mask=lambda pixels: colours[pixels // 100], mode=mode)
        splits = read_masks(tmp_path)
        assert splits.classes == ["#000066", "#003300", "#ff0000"]
        x, y = read(splits.train)
        levels = ((255 * x[..., 0]).round() // 100).astype(int)
        np.testing.assert_array_equal(y, np.array([2, 0, 1])[levels])
        (tmp_path / "classes.txt").write_text("sea\nwood\nfire")
        assert read_masks(tmp_path).classes == ["sea", "wood", "fire"]

    def test_splits_by_seed_with_a_tenth_each(self, tmp_path):
        make(tmp_path, 30)
        splits = read_masks(tmp_path, seed=3)
        assert [len(x) for x, _ in splits] == [24, 3, 3] and splits.drawn
        for x, y in splits:
            stems = [[name.split(os.sep)[1][:-4] for name in p.names()] for p in (x, y)]
            assert stems[0] == stems[1]
        every = {name for x, _ in splits for name in x.names()}
        assert len(every) == 30
        names = [x.names() for x, _ in splits]
        assert [x.names() for x, _ in read_masks(tmp_path, seed=3)] == names
        assert [x.names() for x, _ in read_masks(tmp_path, seed=4)] != names

    def test_takes_parts_that_are_folders(self, tmp_path):
        for part, count in (("train", 9), ("val", 4), ("test", 3)):
            make(tmp_path / part, count)
        splits = read_masks(tmp_path)
        assert [len(x) for x, _ in splits] == [9, 4, 3] and not splits.drawn
        tests = read_masks(tmp_path, to_test=True)
        assert {name.split(os.sep)[0] for name in tests.test[0].names()} == {"test"}
        shutil.rmtree(tmp_path / "val")
        assert [len(x) for x, _ in read_masks(tmp_path)] == [8, 1, 3]

    def test_a_mask_may_have_another_ending_and_lie_in_a_folder(self, tmp_path):
        make(tmp_path, suffix=".bmp")
        for name in ("images", "masks"):
            (tmp_path / name / "deep").mkdir()
        (tmp_path / "images" / "0.bmp").rename(tmp_path / "images" / "deep" / "0.bmp")
        (tmp_path / "masks" / "0.png").rename(tmp_path / "masks" / "deep" / "0.png")
        splits = read_masks(tmp_path)
        assert sum(len(x) for x, _ in splits) == 10
        for part in splits:
            x, y = read(part)
            np.testing.assert_array_equal(y, x[..., 0] > 0.5)

    def test_masks_are_resized_to_the_nearest_pixel(self, tmp_path):
        make(tmp_path, size=(8, 6))
        for size in ((4, 3), (16, 12), (5, 7)):
            x, y = load(f"masks:{tmp_path}?size={size[0]}x{size[1]}").train
            assert x.shape[1:] == (*size, 1) and y[0].shape == size
            path = tmp_path / y.names()[0]
            image = Image.open(path).resize(size[::-1], Image.Resampling.NEAREST)
            np.testing.assert_array_equal(y[0], np.asarray(image) // 255)

    def test_sizes_that_differ_become_their_median(self, tmp_path):
        make(tmp_path, 7, size=(300, 20))
        make(tmp_path, 3, size=(400, 30))
        x, y = read_masks(tmp_path).train
        assert x.shape[1:] == (128, 20, 1) and y.shape[1:] == (128, 20)

    def test_they_stay_on_disk_and_move_with_their_images(self, tmp_path):
        x, y = read_masks(make(tmp_path, 12)).train
        assert isinstance(x, OnDisk) and isinstance(y, OnDisk)
        with pytest.raises(TypeError, match=f"^The masks in {tmp_path} stay on disk"):
            np.asarray(y)
        batches = Batches(x, y, 4, augment=[RandomFlip(0.5, 0.5, masks=True)])
        for images, masks in batches:
            np.testing.assert_array_equal(masks, images[..., 0] > 0.5)
        in_memory = Batches(*read((x, y)), 4, augment=batches.augment)
        for one, other in zip(batches, in_memory, strict=True):
            np.testing.assert_array_equal(one[1], other[1])
        batches.release()

    def test_takes_the_labels_of_a_model(self, tmp_path):
        splits = read_masks(make(tmp_path))
        renamed = relabelled(splits, ["other", "foreground", "background"])
        for (_, y), (_, before) in zip(renamed, splits, strict=True):
            np.testing.assert_array_equal(read((y,))[0], 2 - read((before,))[0])
        # Masks in order of another data set, one after the other.
        _, y = renamed.tested_whole().test
        assert len(y) == 10 and set(np.unique(y[np.arange(10)])) == {1, 2}
        assert y[np.arange(10)].dtype == "int32"

    def test_leaves_damaged_files_out_if_told_so(self, tmp_path):
        make(tmp_path)
        truncate(tmp_path / "images" / "3.png")
        truncate(tmp_path / "masks" / "5.png")
        splits = load(f"masks:{tmp_path}?skip_damaged=true")
        assert sum(len(x) for x, _ in splits) == 8
        summary = splits.summary()
        assert len(summary["files"]["damaged"]) == 2
        assert summary["warnings"] == ["2 damaged files were left out."]
        assert summary["targets"] == {"shape": [6, 5], "dtype": "int32"}

    def test_to_test_one_class_will_do(self, tmp_path):
        make(tmp_path, 1, mask=lambda pixels: 0 * pixels)
        splits = read_masks(tmp_path, to_test=True)
        assert splits.classes == ["background"] and len(splits.test[0]) == 1


class TestRefusals:
    def refused(self, folder, message, **options):
        with pytest.raises(ValueError) as error:
            read_masks(folder, **options)
        assert str(error.value) == message

    @pytest.mark.parametrize("name", ["images", "masks"])
    def test_a_folder_without_the_two(self, tmp_path, name):
        shutil.rmtree(make(tmp_path) / name)
        self.refused(
            tmp_path,
            f"{tmp_path} must have the folders 'images' and 'masks', with a mask of "
            "the same name for each image.",
        )

    def test_no_images(self, tmp_path):
        self.refused(
            make(tmp_path, 0),
            f"{tmp_path / 'images'} must have images in it, files that end in .png, "
            ".jpg, .jpeg, .bmp, .webp, .gif. Add some, or delete the folder.",
        )

    def test_an_image_without_a_mask(self, tmp_path):
        (make(tmp_path) / "masks" / "4.png").unlink()
        self.refused(
            tmp_path,
            f"{tmp_path / 'images' / '4.png'} must have a mask: "
            f"{tmp_path / 'masks' / '4'} with an ending such as .png. Add it, or "
            "delete the image.",
        )

    def test_a_mask_without_an_image(self, tmp_path):
        (make(tmp_path) / "images" / "4.png").unlink()
        self.refused(
            tmp_path,
            f"{tmp_path / 'masks' / '4.png'} must have an image: "
            f"{tmp_path / 'images' / '4'} with an ending such as .png. Add it, or "
            "delete the mask.",
        )

    def test_a_mask_in_jpeg(self, tmp_path):
        path = make(tmp_path) / "masks" / "4.png"
        Image.open(path).save(path.with_suffix(".JPG"))
        path.unlink()
        self.refused(
            tmp_path,
            f"{path.with_suffix('.JPG')} must be a file without loss, such as PNG: "
            "JPEG changes colours, which are classes.",
        )

    def test_two_images_of_one_name(self, tmp_path):
        path = make(tmp_path) / "images" / "4.png"
        shutil.copy(path, path.with_suffix(".bmp"))
        self.refused(
            tmp_path,
            f"{path.parent} must have one file of each name. Received: "
            f"{path.with_suffix('.bmp')} and {path}",
        )

    def test_a_mask_of_another_size_than_its_image(self, tmp_path):
        path = make(tmp_path) / "masks" / "4.png"
        Image.new("L", (6, 5)).save(path)
        self.refused(
            tmp_path,
            f"{path} must have the size of its image, 6 x 5 pixels (height and width). "
            "Received: 5 x 6",
        )

    def test_a_class_beyond_those_that_have_names(self, tmp_path):
        make(tmp_path, mask=lambda pixels: pixels // 128)
        path = tmp_path / "masks" / "4.png"
        Image.new("L", (5, 6), 7).save(path)
        (tmp_path / "classes.txt").write_text("a\nb\nc\n")
        self.refused(
            tmp_path,
            f"{path} must have classes from 0 to 2, as {tmp_path / 'classes.txt'} "
            "names. Received: 7",
        )

    def test_more_or_fewer_names_than_colours(self, tmp_path):
        make(
            tmp_path,
            mask=lambda p: np.stack([p // 128, 0 * p, 0 * p], axis=-1),
            mode="RGB",
        )
        (tmp_path / "classes.txt").write_text("a\nb\nc\n")
        self.refused(
            tmp_path,
            f"{tmp_path / 'classes.txt'} must have 2 lines, a name for each colour of "
            "the masks: #000000, #010000. Received: 3 lines",
        )

    @pytest.mark.parametrize(
        ("text", "received"),
        [("", "no names"), ("a\na", "'a', 'a'"), ("a\n\nb", "'a', '', 'b'")],
    )
    def test_classes_without_names_of_their_own(self, tmp_path, text, received):
        (make(tmp_path) / "classes.txt").write_text(text)
        self.refused(
            tmp_path,
            f"{tmp_path / 'classes.txt'} must have a name of its own for each class, "
            f"one a line. Received: {received}",
        )

    def test_names_that_are_not_in_utf_8(self, tmp_path):
        (make(tmp_path) / "classes.txt").write_bytes(b"\xff\xfea")
        self.refused(tmp_path, f"{tmp_path / 'classes.txt'} must be a text in UTF-8.")

    def test_masks_of_more_colours_than_classes(self, tmp_path):
        """Of a photograph in place of a mask, or of objects that are numbered."""
        advice = "Save masks without loss, as PNG, and number classes, not objects."
        path = make(tmp_path, 3) / "masks" / "1.png"
        for part in ("images", "masks"):
            pixels = np.random.default_rng(0).integers(0, 256, (20, 20, 3))
            Image.fromarray(pixels.astype("uint8")).save(tmp_path / part / "1.png")
        self.refused(
            tmp_path,
            f"{path} must have at most 256 colours, one for each class. Received: 400. "
            f"{advice}",
        )
        for n in range(3):
            pixels = np.arange(n, n + 600, 3).reshape(10, 20).astype("uint16")
            Image.fromarray(pixels).save(tmp_path / "masks" / f"{n}.png")
            Image.new("L", (20, 10)).save(tmp_path / "images" / f"{n}.png")
        self.refused(
            tmp_path,
            f"The masks in {tmp_path} must have at most 256 colours, one for each "
            f"class. Received: 600. {advice}",
        )

    def test_masks_of_one_class(self, tmp_path):
        self.refused(
            make(tmp_path, mask=lambda pixels: 0 * pixels),
            f"The masks in {tmp_path} must show two classes at least. Received: "
            "'background'",
        )

    @pytest.mark.parametrize("folder", ["images", "masks"])
    def test_a_damaged_file(self, tmp_path, folder):
        path = truncate(make(tmp_path) / folder / "4.png")
        self.refused(
            tmp_path,
            f"{path} cannot be read as an image: it is truncated. Repair or delete it; "
            "the option ?skip_damaged=true of the source leaves such files out.",
        )

    def test_too_few_images_to_split(self, tmp_path):
        self.refused(
            make(tmp_path, 2),
            f"{tmp_path / 'images'} must have 3 images or more that can be read, one "
            "each for training, validation and test. Received: 2",
        )

    def test_a_mask_that_changes_while_it_is_used(self, tmp_path):
        _, y = read_masks(make(tmp_path)).train
        path = tmp_path / y.names()[2]
        Image.new("L", (5, 6), 99).save(path)
        with pytest.raises(ValueError) as error:
            y[np.arange(3)]
        assert str(error.value) == (
            f"{path} has changed since the data were loaded: it has colours that are "
            "no class."
        )
