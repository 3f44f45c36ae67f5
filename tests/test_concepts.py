"""Each notion of a course on deep learning is where a reader looks for it."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parent.parent / "docs" / "concepts" / "index.md"
NOTIONS = """
    activation function; Adadelta; Adagrad; Adam; AdaMixUp; AdamW; attention;
    attribution; autoencoder; AutoAugment; average pooling; backpropagation; bagging;
    batch gradient descent; batch normalization; batch size; Bayesian optimization; bias
    and variance; bias detection; bilinear layer; binary cross-entropy; boosting;
    bottleneck; CBR, CRB and CCC blocks; collate function; confusion matrix;
    convolution; cosine annealing; cross-entropy; cross-validation; curriculum learning;
    CutMix; Cutout; cyclical learning rate; data augmentation; data set and data loader;
    denoising autoencoder; dense layer; depthwise separable convolution; diagnosing
    curves; diffusion; dilated convolution; distillation; distributed sampler;
    DropConnect; dropout; dynamic batching; early stopping; EfficientNet; elastic net;
    ELBO; ELU; embedding bag; encoder and decoder; ensemble; epochs; error analysis;
    expected improvement; exploding gradient; exponential decay; exposure bias;
    fine-tuning; fractional max pooling; freezing; Gaussian dropout; generative
    adversarial network; global average pooling; Glorot (Xavier) initialization;
    gradient clipping; gradient descent; grid search; group normalization; GRU; hard and
    soft voting; He (Kaiming) initialization; hidden layer; Huber loss; hyperparameters;
    Inception; input normalization; instance normalization; inverted residual;
    Kullback-Leibler divergence; L1 (lasso); L2 (ridge); label smoothing; layer
    normalization; leaky ReLU; learn anything, everything, the right thing; learning
    rate; LSTM; manifold hypothesis; max pooling; max-norm; mean absolute error; mean
    squared error; mini-batch; MixUp; mode collapse; momentum; Nesterov; network
    capacity; noisy student; one-cycle; Optuna; padding; parametric ReLU; perceptron;
    perceptual loss; plateau; polynomial decay; positional encoding; precision, recall,
    F1; prefetching; probability of improvement; professor forcing; pyramid pooling;
    random search; randomness in training; Ray; recurrent network; ReLU;
    reparametrization trick; residual connection; RMSprop; saving and loading; scheduled
    sampling; SELU; SGD; sigmoid; snapshots; softmax; sparse autoencoder; spatial
    dropout; spatial pyramid pooling; Standout; step decay; stochastic depth; stochastic
    gradient descent; stride; super-resolution; swish; tanh; teacher forcing;
    TensorBoard; test-time augmentation; transfer learning; Transformer; transposed
    convolution; triplet loss; U-Net; universal approximation; unpooling; upper
    confidence bound; upsampling; vanishing gradient; variational autoencoder; VGG;
    Weights & Biases; weight decay; weight initialization; weighted random sampler;
    width of a layer; zero initialization; mixed precision; quantization; data parallel
    training; model parallel training; pruning of weights
"""

pytestmark = pytest.mark.one_backend


def rows():
    _, text = PAGE.read_text(encoding="utf-8").split("## From A to Z")
    return re.findall(r"^\| ([^|]+) \| \[", text, re.MULTILINE)


def test_each_notion_has_a_row():
    notions = {" ".join(notion.split()) for notion in NOTIONS.split(";")}
    assert not notions - set(rows())


def test_rows_are_in_order():
    names = [name.lstrip("`").lower() for name in rows()]
    assert names == sorted(set(names))
