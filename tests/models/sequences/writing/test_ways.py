from contracts import Contract

from kdl.models import BeamSearch, Sampling


class TestSampling(Contract):
    component = Sampling
    arguments = {"temperature": 0.5, "top_k": 3, "top_p": 0.9}
    refused = [
        (
            {"temperature": 0},
            "`temperature` must be a number in (0, inf). Received: temperature=0",
        ),
        ({"top_k": 0}, "`top_k` must be an integer in [1, inf). Received: top_k=0"),
        ({"top_p": 1.5}, "`top_p` must be a number in (0, 1]. Received: top_p=1.5"),
    ]


class TestBeamSearch(Contract):
    component = BeamSearch
    arguments = {"beams": 3, "length_penalty": 0.6, "return_all": True}
    refused = [
        ({"beams": 0}, "`beams` must be an integer in [1, inf). Received: beams=0"),
        (
            {"length_penalty": -1.0},
            "`length_penalty` must be a number in [0, inf). "
            "Received: length_penalty=-1.0",
        ),
        (
            {"return_all": 2},
            "`return_all` must be one of True, False. Received: return_all=2",
        ),
    ]
