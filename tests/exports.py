"""Models as they are once exported."""

import keras
import numpy as np


def exported(model, folder):
    """What a model does after it has been exported and loaded again."""
    if keras.backend.backend() == "torch":
        import torch

        options = {"format": "torch", "dynamic_shapes": {0: torch.export.Dim.AUTO}}
        model.export(folder / "model.pt2", verbose=False, **options)
        program = torch.export.load(folder / "model.pt2").module()
        return lambda inputs: program(torch.tensor(inputs))
    import tensorflow as tf

    model.export(folder / "model", verbose=False)
    # TensorFlow forgets the variables of what is not held.
    model = tf.saved_model.load(folder / "model")
    return lambda inputs: np.asarray(model.serve(inputs))
