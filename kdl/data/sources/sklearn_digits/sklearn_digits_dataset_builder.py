"""The digits of scikit-learn as a TFDS data set."""

import numpy as np
import tensorflow_datasets as tfds

from kdl.data.sources.digits import images_and_labels


class Builder(tfds.core.GeneratorBasedBuilder):
    """TFDS builder that is prepared without a network.

    One split, `train`, holds the 1,797 images in the order of scikit-learn.
    """

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "As scikit-learn ships them."}

    def _info(self):
        return self.dataset_info_from_configs(
            description="The 1,797 handwritten digits that come with scikit-learn.",
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Tensor(shape=(8, 8, 1), dtype=np.float32),
                    "label": tfds.features.ClassLabel(num_classes=10),
                }
            ),
            supervised_keys=("image", "label"),
            homepage="https://doi.org/10.24432/C50P49",
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager):
        return {"train": self._generate_examples()}

    def _generate_examples(self):
        images, labels = images_and_labels()
        for key, (image, label) in enumerate(zip(images, labels, strict=True)):
            yield key, {"image": image, "label": int(label)}
