"""Networks in layers of Keras, as `kdl.models` has them in its blocks."""

import keras
from keras import layers

LAST = {"padding": "same", "data_format": "channels_last"}


def conv(x, filters, kernel=3, strides=1, activation="relu"):
    """Convolution, batch normalization and activation."""
    x = layers.Conv2D(filters, kernel, strides, use_bias=False, **LAST)(x)
    x = layers.BatchNormalization(momentum=0.9)(x)
    return layers.Activation(activation)(x) if activation else x


def classified(inputs, x, classes):
    x = layers.GlobalAveragePooling2D(data_format="channels_last")(x)
    return keras.Model(inputs, layers.Dense(classes)(x))


def vgg(shape, classes, filters, depth):
    inputs = x = keras.Input(shape)
    for channels in filters:
        for _ in range(depth):
            x = conv(x, channels)
        x = layers.MaxPooling2D(**LAST)(x)
    return classified(inputs, x, classes)


def resnet(shape, classes, filters, depth):
    """Of basic blocks, after the stem for images of up to some 64 pixels."""
    inputs = keras.Input(shape)
    x = layers.MaxPooling2D(**LAST)(conv(inputs, filters[0]))
    for stage, channels in enumerate(filters):
        for place in range(depth):
            strides = 2 if stage and not place else 1
            y = conv(x, channels, strides=strides)
            y = conv(y, channels, activation=None)
            if x.shape[-1] != channels or strides > 1:
                x = conv(x, channels, 1, strides, activation=None)
            x = layers.Activation("relu")(layers.Add()([x, y]))
    return classified(inputs, x, classes)


def inception(shape, classes, stages):
    """Of Inception's blocks, after the stem for images of up to some 64 pixels."""
    inputs = keras.Input(shape)
    x = layers.MaxPooling2D(**LAST)(conv(inputs, 64))
    for number, stage in enumerate(stages):
        if number:
            x = layers.MaxPooling2D(3, 2, **LAST)(x)
        for one, before_three, three, before_five, five, pooled in stage:
            parts = [
                conv(x, one, 1),
                conv(conv(x, before_three, 1), three),
                conv(conv(x, before_five, 1), five, 5),
                conv(layers.MaxPooling2D(3, 1, **LAST)(x), pooled, 1),
            ]
            x = layers.Concatenate()(parts)
    return classified(inputs, x, classes)


def unet(shape, classes, filters):
    inputs = x = keras.Input(shape)
    kept = []
    for channels in filters[:-1]:
        x = conv(conv(x, channels), channels)
        kept.append(x)
        x = layers.MaxPooling2D(**LAST)(x)
    x = conv(conv(x, filters[-1]), filters[-1])
    for channels, skip in zip(filters[-2::-1], kept[::-1], strict=True):
        x = layers.Conv2DTranspose(channels, 2, 2, **LAST)(x)
        x = layers.Concatenate()([skip, x])
        x = conv(conv(x, channels), channels)
    return keras.Model(inputs, layers.Conv2D(classes, 1, **LAST)(x))
