"""What earlier searches lead one to expect."""

import contextlib
import math

import numpy as np

from kdl.seeds import POINTS, generator
from kdl.tuning.oracles.surrogate import posterior
from kdl.tuning.oracles.warp import Warp
from kdl.tuning.values import check_values, completed

# How sure one is beforehand that scores differ as in an earlier search: variance of
# what else makes them differ, in units of that of the weight of the earlier search.
_DOUBT = 0.5
# Trials of this search after which the weights are half of what they would be.
_FADES = 10
# Least distance between the first trials, in diagonals of the space.
_APART = 0.1
# Trials with a score below which a search tells nothing.
_FEWEST = 3


class EarlierSearches:
    """The trials of earlier searches, as a search keeps them.

    Args:
        searches: List of lists of lists `[values, loss]`, of JSON. A loss is to be
            minimized; `None` is a failure. Defaults to `None`, no search.
    """

    def __init__(self, searches=None):
        self.searches = searches or []
        self._fitted = None, None

    def add(self, search, space):
        """Adds the trials of a search, unless they are there.

        Args:
            search: `SearchRecord`.
            space: List of `HyperParameter` of the search that is to learn from it.

        Returns:
            Whether they are new.

        Raises:
            ValueError: If it tells nothing of the space.
        """
        sign = -1.0 if search.direction == "max" else 1.0
        found = [
            [trial.values, None if trial.score is None else sign * trial.score]
            for trial in search.trials
            if trial.status in ("completed", "pruned", "failed")
        ]
        if found in self.searches:
            return False
        own = {p.name for p in space}
        theirs = {config["config"]["name"] for config in search.space}
        if not own & theirs:
            raise ValueError(
                f"The search in {search.directory} has no hyperparameter of this one. "
                f"It has: {', '.join(sorted(theirs))}. This one has: "
                f"{', '.join(sorted(own))}."
            )
        usable = [loss for _, loss in _adapted(found, space) if math.isfinite(loss)]
        if len(usable) < _FEWEST:
            raise ValueError(
                f"The search in {search.directory} has {len(usable)} trials with a "
                f"score whose values this space allows; {_FEWEST} are needed."
            )
        self.searches.append(found)
        return True

    def points(self, encoding):
        """Returns the points of all trials, an array `(n, encoding.size)`."""
        found = [
            encoding.encode(values)
            for trials in self.searches
            for values, _ in _adapted(trials, encoding.space)
        ]
        return np.reshape(found, (-1, encoding.size))

    def seen_by(self, encoding):
        """Returns what they lead to expect in a space, an `Earlier`, or `None`."""
        if not self.searches:
            return None
        key = [parameter.get_config() for parameter in encoding.space]
        if self._fitted[0] != key:
            searches = [_adapted(trials, encoding.space) for trials in self.searches]
            # Of their own, so that each process finds the same.
            rng = generator(0, POINTS)
            self._fitted = key, Earlier(encoding, searches, rng)
        return self._fitted[1]


def _adapted(trials, space):
    """Tuples `(values, loss)` of the trials that a space allows."""
    names, found = {parameter.name for parameter in space}, []
    for values, loss in trials:
        shared = {name: values[name] for name in values.keys() & names}
        with contextlib.suppress(ValueError):
            shared = completed(space, check_values(space, shared))
            found.append((shared, math.inf if loss is None else loss))
    return found


class Earlier:
    """Predicts warped scores as earlier searches do.

    Each search has a Gaussian process of its own. How much of its prediction is taken
    over is the weight of a ridge regression of the scores of this search on the
    predictions for its trials. The weights begin at one together, and tend to zero, or
    below, if the earlier searches mislead.

    Args:
        encoding: `Encoding` of the space of this search.
        searches: List of lists of tuples `(values, loss)`. A loss is not finite where a
            trial failed; of each search, three are finite at least.
        rng: `numpy.random.Generator`.
    """

    def __init__(self, encoding, searches, rng):
        self._size = encoding.size
        self._processes, self._ranked = [], []
        for trials in searches:
            values, losses = zip(*trials, strict=True)
            features = encoding.features_of(values)
            targets = Warp(np.array(losses, float)).targets
            process = posterior(features, targets, 0.0, encoding.groups, rng)
            means, _ = process.predict(features)
            self._processes.append(process)
            order = np.argsort(means, kind="stable")
            self._ranked.append([(values[row], features[row]) for row in order])

    def promising(self):
        """Yields values of earlier trials, those of which most is expected first.

        Of several searches they come in turn. Those close to one before come last.
        """
        late, places = [], []
        for rank in range(max(map(len, self._ranked))):
            for ranked in self._ranked:
                if rank >= len(ranked):
                    continue
                values, place = ranked[rank]
                away = [np.linalg.norm(place - other) for other in places]
                if min(away, default=np.inf) < _APART * np.sqrt(self._size):
                    late.append(values)
                else:
                    places.append(place)
                    yield values
        yield from late

    def learn(self, features, targets):
        """Learns from the trials of this search how much to take over.

        Args:
            features: Array `(n, D)`.
            targets: Array `(n,)` of their warped scores, of mean 0.

        Returns:
            Tuple of the weights `(s,)` of the searches, and of a number: predictions
            times weights, less that, has mean 0 over the trials.
        """
        known = self.predict(features)
        middle = known.mean(0)
        known = known - middle
        count = len(self._processes)
        matrix = known.T @ known + _DOUBT * np.eye(count)
        weights = np.linalg.solve(matrix, known.T @ targets + _DOUBT / count)
        # In the end a search is to rest on its own trials.
        weights /= 1 + (len(targets) / _FADES) ** 2
        return weights, middle @ weights

    def predict(self, features):
        """Returns the predictions of each search, `(m, s)`."""
        means = [process.predict(features)[0] for process in self._processes]
        return np.stack(means, -1)

    def gradient(self, features):
        """Returns the gradients of the predictions for one trial, `(s, D)`."""
        return np.stack([process.gradient(features)[2] for process in self._processes])
