"""What moves the images of a batch moves their masks alike."""

import numpy as np
import pytest

from kdl.data import RandAugment, RandomAffine, RandomCrop, RandomFlip

pytestmark = pytest.mark.one_backend

MAPS = ["rotate", "shear_x", "shear_y", "translate_x", "translate_y"]
MAKERS = {
    "flip": lambda **options: RandomFlip(0.5, 0.5, **options),
    "affine": lambda **options: RandomAffine(2, 20, 0.1, 0.2, **options),
    "crop": lambda **options: RandomCrop(8, 7, padding=2, **options),
    "rand_augment": lambda **options: RandAugment(2, 0.5, MAPS, **options),
}
FILLED = sorted(MAKERS.keys() - {"flip"})
X = np.random.default_rng(1).uniform(0.1, 1, size=(50, 8, 7, 3)).astype("float32")
MASKS = np.random.default_rng(2).integers(1, 5, (50, 8, 7)).astype("uint8")


def augmented(kind, y, weight=None, x=X, **options):
    rng = np.random.default_rng(0)
    arguments = [] if weight is None else [weight]
    return MAKERS[kind](masks=True, **options)(x, y, rng, *arguments)


@pytest.mark.parametrize("kind", MAKERS)
def test_float_masks_move_as_their_images(kind):
    x, y = augmented(kind, X)
    np.testing.assert_array_equal(y, x)
    x, y = augmented(kind, X[..., 0])
    np.testing.assert_array_equal(y, x[..., 0])
    assert (x != X).any()


@pytest.mark.parametrize("kind", MAKERS)
def test_images_move_alike_with_and_without_masks(kind):
    x, _ = augmented(kind, MASKS)
    y = np.arange(50)
    plain, same_y = MAKERS[kind]()(X, y, np.random.default_rng(0))
    np.testing.assert_array_equal(plain, x)
    assert same_y is y


@pytest.mark.parametrize("kind", MAKERS)
@pytest.mark.parametrize("dtype", ["uint8", "int32", "bool"])
def test_classes_stay_classes(kind, dtype):
    masks = (MASKS % 2 if dtype == "bool" else MASKS).astype(dtype)
    _, y = augmented(kind, masks)
    assert y.dtype == dtype and y.shape == masks.shape
    assert set(np.unique(y)) <= {0, *np.unique(masks)}
    assert (y != masks).any()


@pytest.mark.parametrize("kind", MAKERS)
def test_classes_lie_where_their_pixels_do(kind):
    """Of halves of one colour, up to a pixel at their border."""
    halves = np.zeros((50, 8, 7, 1), "float32")
    halves[:, 4:] = 1
    x, y = augmented(kind, (halves > 0.5).astype("uint8"), x=halves)
    clear = np.abs(x - 0.5) > 0.49
    assert clear.mean() > 0.5
    # In two successive maps each rounds by half a pixel.
    agreement = ((x > 0.5) == y)[clear].mean()
    assert agreement > (0.97 if kind == "rand_augment" else 0.999)


@pytest.mark.parametrize("kind", FILLED)
def test_outside_is_the_fill(kind):
    x, y = augmented(kind, MASKS, mask_fill=255)
    assert (y == 255).any()
    assert set(np.unique(y)) <= {255, *np.unique(MASKS)}
    # No pixel of the images is 0, so that what is 0 comes from outside.
    if kind != "rand_augment":
        assert (y[(x == 0).all(-1)] == 255).all()


@pytest.mark.parametrize("kind", MAKERS)
def test_weights_of_pixels_move_and_others_stay(kind):
    # Pixels from outside count for nothing, whatever their mask is.
    options = {"mask_fill": 255} if kind in FILLED else {}
    x, y, weight = augmented(kind, MASKS, X[..., 0], **options)
    np.testing.assert_array_equal(weight, x[..., 0])
    of_examples = np.arange(50.0)
    *_, weight = augmented(kind, MASKS, of_examples)
    np.testing.assert_array_equal(weight, of_examples)
    plain = MAKERS[kind]()(X, MASKS, np.random.default_rng(0), X[..., 0])
    np.testing.assert_array_equal(plain[2], X[..., 0])
    np.testing.assert_array_equal(plain[0], x)
    assert (plain[1] == MASKS).all() and (y != MASKS).any()


@pytest.mark.parametrize("kind", FILLED)
@pytest.mark.parametrize(
    ("dtype", "fill", "received"),
    [("uint8", -1, "-1.0"), ("int32", 0.5, "0.5"), ("bool", 2, "2.0")],
)
def test_refuses_a_fill_that_masks_cannot_hold(kind, dtype, fill, received):
    with pytest.raises(ValueError) as error:
        augmented(kind, MASKS.astype(dtype), mask_fill=fill)
    assert str(error.value) == (
        f"`mask_fill` must be a value that masks of dtype {dtype} can hold. "
        f"Received: mask_fill={received}"
    )


@pytest.mark.parametrize("kind", MAKERS)
@pytest.mark.parametrize(
    ("y", "received"),
    [
        (np.arange(50), "y of shape (50,) and dtype int64"),
        (MASKS[:, 1:], "y of shape (50, 7, 7) and dtype uint8"),
        (MASKS.astype(str), "y of shape (50, 8, 7) and dtype <U3"),
    ],
)
def test_refuses_what_are_no_masks(kind, y, received):
    with pytest.raises(ValueError) as error:
        augmented(kind, y)
    assert str(error.value) == (
        "`y` must hold a mask of numbers for each image, of shape (50, 8, 7), with or "
        f"without an axis of channels. Received: {received}"
    )


@pytest.mark.parametrize("kind", MAKERS)
def test_refuses_what_are_no_images(kind):
    with pytest.raises(ValueError) as error:
        MAKERS[kind]()(X[..., 0], None, np.random.default_rng(0))
    assert str(error.value) == (
        "`x` must hold images, of shape (batch, height, width, channels). "
        "Received: x of shape (50, 8, 7)"
    )
