"""Families of models that recipes build."""

from kdl.models.generation import Generated
from kdl.models.professor_forcing import ProfessorForcing
from kdl.models.recurrent_decoder import RecurrentDecoder
from kdl.models.recurrent_forecaster import RecurrentForecaster
from kdl.models.transformer_decoder import TransformerDecoder

__all__ = [
    "Generated",
    "ProfessorForcing",
    "RecurrentDecoder",
    "RecurrentForecaster",
    "TransformerDecoder",
]
