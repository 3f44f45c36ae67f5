import numpy as np
import pytest
from image_folders import truncate
from PIL import Image

from kdl.data.sources.images.decoding import DamagedError, decode, examine

pytestmark = pytest.mark.one_backend

# Smooth, so that JPEG hardly changes it.
ROWS, COLUMNS = np.mgrid[:24, :16]
RGB = np.stack([10 * ROWS, 15 * COLUMNS, 5 * (ROWS + COLUMNS)], axis=-1).astype("uint8")
GREY = RGB[..., 2]


class TestDecode:
    @pytest.mark.parametrize(
        ("name", "options", "tolerance"),
        [
            ("a.png", {}, 0),
            ("a.bmp", {}, 0),
            ("a.webp", {"lossless": True}, 0),
            ("a.webp", {"quality": 100}, 12),
            ("a.jpg", {"quality": 100, "subsampling": 0}, 4),
            ("A.JPEG", {"quality": 100, "subsampling": 0, "progressive": True}, 4),
            # By a palette of 256 colours.
            ("a.gif", {}, 40),
        ],
    )
    def test_reads_each_format(self, tmp_path, name, options, tolerance):
        path = tmp_path / name
        Image.fromarray(RGB).save(path, **options)
        pixels = decode(str(path), (24, 16), 3)
        assert pixels.dtype == "uint8"
        np.testing.assert_allclose(pixels.astype(int), RGB, atol=tolerance)
        assert examine(str(path), wholly=True) == (24, 16, False)

    def read(self, path, image, channels=3, size=(24, 16), **options):
        image.save(path, **options)
        return decode(str(path), size, channels)

    def test_grey_is_the_same_in_each_channel(self, tmp_path):
        path = tmp_path / "a.png"
        rgb = self.read(path, Image.fromarray(GREY))
        np.testing.assert_array_equal(rgb, np.repeat(GREY[..., None], 3, axis=-1))
        grey = self.read(path, Image.fromarray(GREY), channels=1)
        np.testing.assert_array_equal(grey, GREY[..., None])
        assert examine(str(path), wholly=False) == (24, 16, True)

    def test_colours_become_grey_by_their_luma(self, tmp_path):
        for name in ("a.png", "a.jpg"):
            options = {"quality": 100, "subsampling": 0} if name == "a.jpg" else {}
            path = tmp_path / name
            grey = self.read(path, Image.fromarray(RGB), channels=1, **options)
            # ITU-R BT.601.
            desired = RGB @ np.array([0.299, 0.587, 0.114])
            np.testing.assert_allclose(grey[..., 0], desired, atol=2)

    def test_transparent_is_white(self, tmp_path):
        alpha = np.where(COLUMNS < 8, 255, 0)[..., None].astype("uint8")
        image = Image.fromarray(np.concatenate([RGB, alpha], axis=-1))
        pixels = self.read(tmp_path / "a.png", image)
        np.testing.assert_array_equal(pixels[:, :8], RGB[:, :8])
        assert (pixels[:, 8:] == 255).all()

    def test_half_transparent_is_between_it_and_white(self, tmp_path):
        alpha = np.full((24, 16, 1), 51, "uint8")
        image = Image.fromarray(np.concatenate([RGB, alpha], axis=-1))
        pixels = self.read(tmp_path / "a.png", image)
        np.testing.assert_allclose(pixels, 0.2 * RGB + 0.8 * 255, atol=1)

    def test_a_palette_is_looked_up(self, tmp_path):
        image = Image.fromarray((COLUMNS // 8).astype("uint8"), "P")
        image.putpalette([255, 0, 0, 0, 0, 255])
        pixels = self.read(tmp_path / "a.png", image)
        assert (pixels[:, :8] == [255, 0, 0]).all()
        assert (pixels[:, 8:] == [0, 0, 255]).all()
        pixels = self.read(tmp_path / "a.png", image, transparency=1)
        assert (pixels[:, 8:] == 255).all()

    def test_16_bits_are_scaled_to_8(self, tmp_path):
        values = np.linspace(0, 65535, 24 * 16).reshape(24, 16).astype("uint16")
        path = tmp_path / "a.png"
        pixels = self.read(path, Image.fromarray(values), channels=1)
        np.testing.assert_allclose(pixels[..., 0], values / 257, atol=0.51)
        assert examine(str(path), wholly=False) == (24, 16, True)

    def test_of_a_moving_image_it_is_the_first_frame(self, tmp_path):
        frames = [Image.new("RGB", (16, 24), colour) for colour in ("red", "blue")]
        pixels = self.read(
            tmp_path / "a.gif", frames[0], save_all=True, append_images=frames[1:]
        )
        assert (pixels == [255, 0, 0]).all()

    @pytest.mark.parametrize("orientation", range(1, 9))
    def test_turns_it_upright(self, tmp_path, orientation):
        """As Pillow's own function does."""
        from PIL import ImageOps

        exif = Image.Exif()
        exif[0x0112] = orientation
        path = tmp_path / "a.png"
        Image.fromarray(RGB).save(path, exif=exif)
        desired = np.asarray(ImageOps.exif_transpose(Image.open(path)))
        assert examine(str(path), wholly=False) == (*desired.shape[:2], False)
        pixels = decode(str(path), desired.shape[:2], 3)
        np.testing.assert_array_equal(pixels, desired)

    def test_resizes_a_turned_jpeg_by_its_upright_size(self, tmp_path):
        exif = Image.Exif()
        exif[0x0112] = 6
        large = Image.fromarray(RGB).resize((640, 960), Image.Resampling.BICUBIC)
        options = {"quality": 100, "subsampling": 0}
        plain = self.read(tmp_path / "a.jpg", large, size=(48, 30), **options)
        turned = self.read(
            tmp_path / "b.jpg", large, size=(30, 48), exif=exif, **options
        )
        difference = np.abs(np.rot90(plain, -1).astype(int) - turned)
        assert difference.max() <= 2

    def test_a_jpeg_is_resized_as_well_at_a_smaller_scale(self, tmp_path):
        """Nearly as it is when all of it is decoded first."""
        large = Image.fromarray(RGB).resize((320, 480), Image.Resampling.BICUBIC)
        path = tmp_path / "a.jpg"
        pixels = self.read(path, large, size=(48, 32), quality=95)
        whole = Image.open(path).resize((32, 48), Image.Resampling.BILINEAR)
        difference = np.abs(pixels.astype(int) - np.asarray(whole))
        assert difference.mean() < 3

    def test_other_proportions_are_stretched(self, tmp_path):
        pixels = self.read(tmp_path / "a.png", Image.fromarray(RGB), size=(6, 20))
        assert pixels.shape == (6, 20, 3)
        np.testing.assert_allclose(pixels.mean((0, 1)), RGB.mean((0, 1)), atol=2)


class TestDamage:
    def refused(self, path, reason):
        message = (
            f"{path} cannot be read as an image: {reason}. Repair or delete it; the "
            "option ?skip_damaged=true of the source leaves such files out."
        )
        for read in (
            lambda: decode(str(path), (24, 16), 3),
            lambda: examine(str(path), wholly=True),
            lambda: examine(str(path), wholly=False),
        ):
            with pytest.raises(DamagedError) as error:
                read()
            assert str(error.value) == message

    @pytest.mark.parametrize("name", ["a.jpg", "a.png"])
    def test_names_a_truncated_file(self, tmp_path, name):
        path = tmp_path / name
        noise = np.random.default_rng(0).integers(0, 256, (24, 16, 3))
        Image.fromarray(noise.astype("uint8")).save(path)
        self.refused(truncate(path), "it is truncated")

    @pytest.mark.parametrize("contents", ["", "This is a text.\n" * 10])
    def test_names_what_is_no_image(self, tmp_path, contents):
        path = tmp_path / "a.jpg"
        path.write_text(contents)
        self.refused(path, "it is no PNG, JPEG, BMP, WebP or GIF")

    def test_names_a_file_that_is_gone(self, tmp_path):
        self.refused(tmp_path / "a.jpg", "No such file or directory")

    def test_takes_a_jpeg_with_something_behind_it(self, tmp_path):
        path = tmp_path / "a.jpg"
        Image.fromarray(RGB).save(path)
        path.write_bytes(path.read_bytes() + b"notes of a camera")
        assert examine(str(path), wholly=False) == (24, 16, False)
