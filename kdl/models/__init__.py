"""Families of models that recipes build."""

from kdl.models.sequences.feeding import Feeding
from kdl.models.sequences.professor_forcing import ProfessorForcing
from kdl.models.sequences.recurrent_decoder import RecurrentDecoder
from kdl.models.sequences.recurrent_forecaster import RecurrentForecaster
from kdl.models.sequences.transformer_decoder import TransformerDecoder
from kdl.models.sequences.writing.generation import Generated
from kdl.models.sequences.writing.ways import BeamSearch, Sampling

__all__ = [
    "BeamSearch",
    "Feeding",
    "Generated",
    "ProfessorForcing",
    "RecurrentDecoder",
    "RecurrentForecaster",
    "Sampling",
    "TransformerDecoder",
]
