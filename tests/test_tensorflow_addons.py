"""Each public name of TensorFlow Addons 0.23 is on the page of what became of it."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parent.parent / "docs" / "tensorflow-addons.md"
# As tensorflow_addons/*/__init__.py have them.
NAMES = {
    "Activations": """
        gelu hardshrink lisht mish rrelu snake softshrink sparsemax tanhshrink
    """,
    "Callbacks": """
        AverageModelCheckpoint TimeStopping TQDMProgressBar
    """,
    "Images": """
        adjust_hsv_in_yiq angles_to_projective_transforms blend
        compose_transforms connected_components cutout dense_image_warp equalize
        euclidean_dist_transform gaussian_filter2d interpolate_bilinear
        interpolate_spline mean_filter2d median_filter2d random_cutout
        random_hsv_in_yiq resampler rotate sharpness shear_x shear_y
        sparse_image_warp transform translate translate_xy
        translations_to_projective_transforms
    """,
    "Layers": """
        AdaptiveAveragePooling1D AdaptiveAveragePooling2D
        AdaptiveAveragePooling3D AdaptiveMaxPooling1D AdaptiveMaxPooling2D
        AdaptiveMaxPooling3D CorrelationCost CRF EmbeddingBag ESN
        FilterResponseNormalization GELU GroupNormalization
        InstanceNormalization Maxout MaxUnpooling2D MaxUnpooling2DV2
        MultiHeadAttention NoisyDense PoincareNormalize PolynomialCrossing Snake
        Sparsemax SpatialPyramidPooling2D SpectralNormalization StochasticDepth
        TLU WeightNormalization
    """,
    "Losses": """
        contrastive_loss ContrastiveLoss giou_loss GIoULoss lifted_struct_loss
        LiftedStructLoss npairs_loss npairs_multilabel_loss NpairsLoss
        NpairsMultilabelLoss pinball_loss PinballLoss sigmoid_focal_crossentropy
        SigmoidFocalCrossEntropy sparsemax_loss SparsemaxLoss triplet_hard_loss
        triplet_semihard_loss TripletHardLoss TripletSemiHardLoss
        WeightedKappaLoss
    """,
    "Metrics": """
        CohenKappa F1Score FBetaScore GeometricMean hamming_distance
        hamming_loss_fn HammingLoss HarmonicMean KendallsTauB KendallsTauC
        MatthewsCorrelationCoefficient MeanMetricWrapper
        MultiLabelConfusionMatrix PearsonsCorrelation RSquare SpearmansRank
    """,
    "Optimizers": """
        AdaBelief AdamW AveragedOptimizerWrapper COCOB ConditionalGradient
        CyclicalLearningRate DecoupledWeightDecayExtension
        ExponentialCyclicalLearningRate extend_with_decoupled_weight_decay
        KerasLegacyOptimizer LAMB LazyAdam Lookahead MovingAverage
        MultiOptimizer NovoGrad ProximalAdagrad RectifiedAdam SGDW SWA
        Triangular2CyclicalLearningRate TriangularCyclicalLearningRate Yogi
    """,
    "Recurrent cells": """
        ESNCell LayerNormLSTMCell LayerNormSimpleRNNCell NASCell
        PeepholeLSTMCell
    """,
    "Sequence to sequence": """
        AttentionMechanism AttentionWrapper AttentionWrapperState
        BahdanauAttention BahdanauMonotonicAttention BaseDecoder BasicDecoder
        BasicDecoderOutput BeamSearchDecoder BeamSearchDecoderOutput
        BeamSearchDecoderState CustomSampler Decoder dynamic_decode
        FinalBeamSearchDecoderOutput gather_tree gather_tree_from_array
        GreedyEmbeddingSampler hardmax InferenceSampler LuongAttention
        LuongMonotonicAttention monotonic_attention safe_cumprod
        SampleEmbeddingSampler Sampler ScheduledEmbeddingTrainingSampler
        ScheduledOutputTrainingSampler sequence_loss SequenceLoss tile_batch
        TrainingSampler
    """,
    "Text": """
        crf crf_binary_score crf_constrained_decode crf_decode
        crf_decode_backward crf_decode_forward crf_filtered_inputs crf_forward
        crf_log_likelihood crf_log_norm crf_multitag_sequence_score
        crf_sequence_score crf_unary_score CrfDecodeForwardRnnCell
        CRFModelWrapper parse_time skip_gram_sample
        skip_gram_sample_with_text_vocab viterbi_decode
    """,
    "Others": """
        options register_all types
    """,
}

pytestmark = pytest.mark.one_backend


def rows():
    """The names in the first column of the tables, by the section they are in."""
    found = {}
    for section in re.split(r"^## ", PAGE.read_text(encoding="utf-8"), flags=re.M):
        title, _, text = section.partition("\n")
        firsts = re.findall(r"^\| (`.*?`) \|", text, re.M)
        found[title] = [
            name for first in firsts for name in re.findall(r"`(\w+)`", first)
        ]
    return found


@pytest.mark.parametrize("section", NAMES)
def test_every_name_has_a_row(section):
    assert sorted(rows()[section]) == sorted(NAMES[section].split())
