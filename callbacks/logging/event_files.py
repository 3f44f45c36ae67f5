"""Files of TensorBoard, by its own writer.

What is imported of tensorboard imports no TensorFlow, installed or not, and no other
backend. Its `EventFileWriter` does, and needs a thread besides.
"""

import contextlib
import io
import itertools
import json
import os
import socket
import time

import keras
import numpy as np
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.graph.keras_util import keras_model_to_graph_def
from tensorboard.plugins.histogram import metadata as histogram_metadata
from tensorboard.plugins.hparams import api_pb2, plugin_data_pb2
from tensorboard.plugins.hparams import metadata as hparams_metadata
from tensorboard.plugins.hparams.summary_v2 import hparams_pb
from tensorboard.plugins.image import metadata as image_metadata
from tensorboard.plugins.scalar.summary_v2 import scalar_pb
from tensorboard.plugins.text.summary_v2 import text_pb
from tensorboard.summary.writer.record_writer import RecordWriter
from tensorboard.util.tensor_util import make_tensor_proto

_NUMBERS = itertools.count()


class EventFile:
    """A new event file, which TensorBoard reads after those before it in the folder.

    Args:
        folder: `Path` of a folder, made if need be.

    Attributes:
        has_session: Boolean. Whether it has hyperparameters.
    """

    def __init__(self, folder):
        folder.mkdir(parents=True, exist_ok=True)
        parts = int(time.time()), socket.gethostname(), os.getpid(), next(_NUMBERS)
        path = folder / "events.out.tfevents.{:010d}.{}.{}.{:06d}".format(*parts)
        self._writer = RecordWriter(path.open("xb"))
        self.has_session = False
        self._write(Event(file_version="brain.Event:2"))

    def add_scalars(self, step, values):
        """Adds numbers by name."""
        self._add(step, (scalar_pb(name, x) for name, x in values.items()))

    def add_histograms(self, step, histograms):
        """Adds histograms, each of a name, counts and edges."""
        metadata = histogram_metadata.create_summary_metadata(None, None)
        summaries = (
            _summary(name, np.stack([edges[:-1], edges[1:], counts], 1), metadata)
            for name, counts, edges in histograms
        )
        self._add(step, summaries)

    def add_images(self, step, pictures):
        """Adds pictures by name.

        Args:
            step: Integer.
            pictures: Dict of matplotlib `Figure`s, or of arrays of one image or
                several, of shape `(height, width)`, `(height, width, channels)` or
                `(images, height, width, channels)`, of floats in `[0, 1]` or `uint8`.
        """
        metadata = image_metadata.create_summary_metadata(None, None)
        summaries = (
            _summary(name, np.array(_encoded(picture), object), metadata)
            for name, picture in pictures.items()
        )
        self._add(step, summaries)

    def add_model(self, model):
        """Adds the summary of a model, and its layers as a graph where it has one."""
        parts = []
        model.summary(print_fn=lambda text, **options: parts.append(text))
        # Markdown takes what is indented as it is.
        lines = "\n".join(parts).splitlines()
        self._add(0, [text_pb("model", "\n".join(f"    {line}" for line in lines))])
        # TensorBoard cannot draw every model, such as one that is a class.
        with contextlib.suppress(Exception):
            self._write(Event(graph_def=_graph(model).SerializeToString()))

    def begin_session(self, name, hparams):
        """Adds hyperparameters, which go with the numbers in the folder."""
        self.has_session = True
        self._add(0, [hparams_pb(hparams, trial_id=name)])

    def close(self, failed):
        try:
            if self.has_session:
                self._end_session(failed)
        finally:
            self._writer.close()

    def flush(self):
        self._writer.flush()

    def _end_session(self, failed):
        status = api_pb2.STATUS_FAILURE if failed else api_pb2.STATUS_SUCCESS
        end = plugin_data_pb2.SessionEndInfo(status=status, end_time_secs=time.time())
        data = plugin_data_pb2.HParamsPluginData(session_end_info=end)
        value = Summary.Value(
            tag=hparams_metadata.SESSION_END_INFO_TAG,
            metadata=hparams_metadata.create_summary_metadata(data),
            tensor=hparams_metadata.NULL_TENSOR,
        )
        self._add(0, [Summary(value=[value])])

    def _add(self, step, summaries):
        event = Event(step=step)
        for summary in summaries:
            event.summary.MergeFrom(summary)
        self._write(event)

    def _write(self, event):
        event.wall_time = time.time()
        self._writer.write(event.SerializeToString())


def _summary(name, value, metadata):
    tensor = make_tensor_proto(value)
    return Summary(value=[Summary.Value(tag=name, metadata=metadata, tensor=tensor)])


def _graph(model):
    config = json.loads(model.to_json(), object_hook=_without_dtype)
    graph = keras_model_to_graph_def(config)
    # Else there is one box at first, the model.
    within = f"{config['config']['name']}/"
    for node in graph.node:
        node.name = node.name.removeprefix(within)
        node.input[:] = [name.removeprefix(within) for name in node.input]
    return graph


def _without_dtype(config):
    # TensorBoard would warn of a mixed one.
    return {key: value for key, value in config.items() if key != "dtype"}


def _encoded(picture):
    """Width and height, and the PNG of each image, as strings of bytes."""
    if hasattr(picture, "savefig"):
        pngs = [_png(picture.savefig)]
        width, height = picture.canvas.get_width_height()
    else:
        arrays = _images(np.asarray(picture))
        pngs = [_png(keras.utils.array_to_img(a, scale=False).save) for a in arrays]
        height, width = arrays.shape[1:3]
    return [str(width).encode(), str(height).encode(), *pngs]


def _images(array):
    if array.ndim == 2:
        array = array[:, :, np.newaxis]
    if array.ndim == 3:
        array = array[np.newaxis]
    if array.ndim != 4 or array.shape[-1] not in (1, 3, 4):
        raise ValueError(
            "A picture must be a figure of matplotlib, or an array of shape (height, "
            "width), (height, width, channels) or (images, height, width, channels) "
            f"with 1, 3 or 4 channels. Received: shape={array.shape}"
        )
    return array if array.dtype == "uint8" else 255 * array.clip(0, 1)


def _png(save):
    file = io.BytesIO()
    save(file, format="png")
    return file.getvalue()
