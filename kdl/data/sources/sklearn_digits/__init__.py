"""The digits of scikit-learn as a TFDS data set, named after this folder."""
