"""Dates as people write them, and in ISO 8601."""

import datetime
import re

import numpy as np

from kdl.checks import check_integer
from kdl.data.splits import Splits, split_in_three

_MONTHS = {
    "en": "January February March April May June July August September October "
    "November December",
    "de": "Januar Februar März April Mai Juni Juli August September Oktober November "
    "Dezember",
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre "
    "décembre",
    "es": "enero febrero marzo abril mayo junio julio agosto septiembre octubre "
    "noviembre diciembre",
    "it": "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre "
    "novembre dicembre",
}
_WEEKDAYS = {
    "en": "Monday Tuesday Wednesday Thursday Friday Saturday Sunday",
    "de": "Montag Dienstag Mittwoch Donnerstag Freitag Samstag Sonntag",
    "fr": "lundi mardi mercredi jeudi vendredi samedi dimanche",
    "es": "lunes martes miércoles jueves viernes sábado domingo",
    "it": "lunedì martedì mercoledì giovedì venerdì sabato domenica",
}
_FORMS = {
    "en": [
        "{month} {d}, {y}",
        "{month} {nth}, {y}",
        "{d} {month} {y}",
        "the {nth} of {month} {y}",
        "{weekday}, {month} {d}, {y}",
        "{mon} {d} {y}",
        "{d}-{mon}-{y}",
        "{d} {mon} '{yy}",
    ],
    "de": ["{d}. {month} {y}", "{weekday}, {d}. {month} {y}", "{d}. {mon} {y}"],
    "fr": ["le {d} {month} {y}", "{d} {month} {y}", "{weekday} {d} {month} {y}"],
    "es": ["{d} de {month} de {y}", "{weekday}, {d} de {month} de {y}"],
    "it": ["{d} {month} {y}", "{weekday} {d} {month} {y}"],
}
# A month comes after the day, or after the year: else it could be either.
_NUMBERS = [
    "{d}/{m}/{y}",
    "{dd}.{mm}.{y}",
    "{d}.{m}.{yy}",
    "{y}/{mm}/{dd}",
    "{dd}{mm}{y}",
]
_FIRST, _LAST = datetime.date(1950, 1, 1), datetime.date(2049, 12, 31)


def dates(examples: int = 12000, seed: int = 0) -> Splits:
    """Returns dates in many written forms, and in ISO 8601, as texts.

    A date is one of the century from 1950, so that two digits tell the year. One in
    four is in numbers. The others name the month, in German, French, Spanish, Italian
    or, as often as in two of these, in English, with the right day of the week or
    without; and one in five of them has noise: all capitals or none, no comma, more
    spaces, or a letter of a long word left out, doubled or swapped with the next. What
    is left of a date still tells it.

    Args:
        examples: Integer in `[10, inf)`. Defaults to `12000`.
        seed: Integer in `[0, 2**32)`. Draws them. Defaults to `0`.

    Returns:
        `kdl.data.Splits` of tuples `(x, y)` of arrays of strings of shape
        `(examples,)`, 80, 10 and 10 in a hundred. No date is in two of them, in
        whatever form.

    Raises:
        ValueError: If an argument is outside its interval.

    Example:

    >>> (x, y), validation, test = kdl.data.dates(examples=100)
    """
    check_integer("examples", examples, "[10, inf)")
    rng = np.random.default_rng(check_integer("seed", seed, "[0, 4294967296)"))
    days = rng.integers((_LAST - _FIRST).days + 1, size=examples)
    dates = [_FIRST + datetime.timedelta(int(day)) for day in days]
    x = np.array([_written(date, rng) for date in dates])
    y = np.array([date.isoformat() for date in dates])
    return split_in_three(x, y, days, rng)


def _written(date, rng):
    language = _pick([*_FORMS, "en"], rng)
    in_numbers = rng.random() < 0.25
    form = _pick(_NUMBERS if in_numbers else _FORMS[language], rng)
    month = _MONTHS[language].split()[date.month - 1]
    text = form.format(
        d=date.day,
        dd=f"{date.day:02}",
        m=date.month,
        mm=f"{date.month:02}",
        y=date.year,
        yy=f"{date.year % 100:02}",
        nth=f"{date.day}{_ordinal(date.day)}",
        month=month,
        mon=month[:3],
        weekday=_WEEKDAYS[language].split()[date.weekday()],
    )
    return text if in_numbers or rng.random() >= 0.2 else _noisy(text, rng)


def _ordinal(day):
    if day in (11, 12, 13):
        return "th"
    return {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")


def _noisy(text, rng):
    noisy = [
        text.upper(),
        text.lower(),
        text.replace(",", ""),
        text.replace(" ", "  "),
    ]
    # Without a letter, "junio" and "julio" are the same.
    words = [word.span() for word in re.finditer(r"[^\W\d_]{6,}", text)]
    # The last letter has no next.
    places = [place for start, end in words for place in range(start, end - 1)]
    if places:
        place = _pick(places, rng)
        before, after = text[:place], text[place + 2 :]
        letter, following = text[place : place + 2]
        noisy += [
            before + following + after,
            before + letter + letter + following + after,
            before + following + letter + after,
        ]
    return _pick([other for other in noisy if other != text], rng)


def _pick(choices, rng):
    # Quicker than `rng.choice`, which makes an array of them.
    return choices[rng.integers(len(choices))]
