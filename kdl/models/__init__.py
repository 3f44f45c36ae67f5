"""Families of models that recipes build."""

from kdl.models.sequences.generation import Generated
from kdl.models.sequences.professor_forcing import ProfessorForcing
from kdl.models.sequences.recurrent_decoder import RecurrentDecoder
from kdl.models.sequences.recurrent_forecaster import RecurrentForecaster
from kdl.models.sequences.transformer_decoder import TransformerDecoder

__all__ = [
    "Generated",
    "ProfessorForcing",
    "RecurrentDecoder",
    "RecurrentForecaster",
    "TransformerDecoder",
]
