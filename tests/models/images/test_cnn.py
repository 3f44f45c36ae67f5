from image_models import ImageModelContract, WithDenseLayers, WithOrder

from kdl.models import cnn


class TestCNN(WithDenseLayers, WithOrder, ImageModelContract):
    family = staticmethod(cnn)
    small = {"filters": (4, 6), "units": (8,)}
    stride = 2
