import calendar
import collections
import datetime
import re

import numpy as np
import pytest
from contracts import same

from kdl.data import dates

pytestmark = pytest.mark.one_backend

MONTHS = {
    "de": "Januar Februar März April Mai Juni Juli August September Oktober November "
    "Dezember",
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre "
    "décembre",
    "es": "enero febrero marzo abril mayo junio julio agosto septiembre octubre "
    "noviembre diciembre",
    "it": "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre "
    "novembre dicembre",
}
DAYS = {
    "de": "Montag Dienstag Mittwoch Donnerstag Freitag Samstag Sonntag",
    "fr": "lundi mardi mercredi jeudi vendredi samedi dimanche",
    "es": "lunes martes miércoles jueves viernes sábado domingo",
    "it": "lunedì martedì mercoledì giovedì venerdì sabato domenica",
}
# How strptime reads what is written in English.
ENGLISH = [
    "%B %d, %Y",
    "%d %B %Y",
    "%A, %B %d, %Y",
    "%b %d %Y",
    "%d-%b-%Y",
    "%d %b '%y",
]
SUFFIXES = {1: "st", 21: "st", 31: "st", 2: "nd", 22: "nd", 3: "rd", 23: "rd"}


def in_words(date):
    """All forms of a date that name the month."""
    day, year = date.day, date.year
    weekday = calendar.weekday(year, date.month, day)
    for form in ENGLISH:
        yield date.strftime(form.replace("%d", str(day)))
    nth = f"{day}{SUFFIXES.get(day, 'th')}"
    yield f"{date:%B} {nth}, {year}"
    yield f"the {nth} of {date:%B} {year}"
    de, fr, es, it = (names.split()[date.month - 1] for names in MONTHS.values())
    yield from (f"{day}. {de} {year}", f"{day}. {de[:3]} {year}")
    yield f"{DAYS['de'].split()[weekday]}, {day}. {de} {year}"
    yield from (f"{day} {fr} {year}", f"le {day} {fr} {year}")
    yield f"{DAYS['fr'].split()[weekday]} {day} {fr} {year}"
    yield f"{day} de {es} de {year}"
    yield f"{DAYS['es'].split()[weekday]}, {day} de {es} de {year}"
    yield f"{day} {it} {year}"
    yield f"{DAYS['it'].split()[weekday]} {day} {it} {year}"


def in_numbers(date):
    yield f"{date.day}/{date.month}/{date.year}"
    yield f"{date.day}.{date.month}.{date:%y}"
    yield from (date.strftime(form) for form in ("%d.%m.%Y", "%Y/%m/%d", "%d%m%Y"))


def noisy(text):
    """All that noise can make of a text."""
    yield text.upper()
    yield text.lower()
    yield text.replace(",", "")
    yield text.replace(" ", "  ")
    for word in re.finditer("[A-Za-zäéûìíáà]{6,}", text):
        for i in range(word.start(), word.end() - 1):
            yield text[:i] + text[i + 1 :]
            yield text[:i] + text[i] + text[i:]
            yield text[:i] + text[i + 1] + text[i] + text[i + 2 :]


@pytest.fixture(scope="class")
def examples():
    parts = dates()
    return [
        (str(text), datetime.date.fromisoformat(iso))
        for x, y in parts
        for text, iso in zip(x, y, strict=True)
    ]


class TestDates:
    def test_every_date_is_written_in_one_of_the_forms(self, examples):
        seen = collections.Counter()
        for text, date in examples:
            assert datetime.date(1950, 1, 1) <= date <= datetime.date(2049, 12, 31)
            words = set(in_words(date))
            if not re.search(r"[^\W\d_]", text):
                seen["numbers"] += 1
                assert text in in_numbers(date)
            elif text in words:
                seen["words"] += 1
            else:
                seen["noise"] += 1
                assert any(text in noisy(word) for word in words), text
        # Standard errors of 0.004, of 12,000 dates and of 9,000 of them in words.
        assert abs(seen["numbers"] / 12000 - 0.25) < 0.016
        share = seen["noise"] / (seen["words"] + seen["noise"])
        assert abs(share - 0.2) < 0.017

    def test_strptime_reads_the_same(self, examples):
        read = collections.Counter()
        for text, date in examples:
            for form in ENGLISH:
                try:
                    parsed = datetime.datetime.strptime(text, form).date()
                except ValueError:
                    continue
                if form.endswith("%y"):
                    # Its two digits begin with 1969.
                    parsed = parsed.replace(year=date.year)
                    assert date.year % 100 == int(text[-2:])
                assert parsed == date, text
                read[form] += 1
        # English is a third of 12,000 dates, three in four are in words, in 8 forms.
        assert all(read[form] > 250 for form in ENGLISH)

    def test_noise_leaves_every_date_readable(self):
        # Each day of two years, so that the last digit of the year plays its part.
        known = {}
        first = datetime.date(2003, 1, 1)
        for day in range(0, 731):
            date = first + datetime.timedelta(day)
            words = set(in_words(date))
            for text in {*in_numbers(date), *words, *map(str.lower, words)}:
                assert known.setdefault(text, date) == date, text
            for text in {text for word in words for text in noisy(word)}:
                assert known.setdefault(text, date) == date, text

    def test_no_date_is_in_two_parts(self):
        parts = dates()
        train, validation, test = (set(y) for _, y in parts)
        assert not train & validation and not (train | validation) & test
        # A date comes a few times at most.
        lengths = [len(x) for x, _ in parts]
        np.testing.assert_allclose(lengths, [9600, 1200, 1200], atol=5)
        assert len(train) < 9600

    def test_seed_draws_them(self):
        assert same(dates(100, seed=1), dates(100, seed=1))
        assert not same(dates(100, seed=1), dates(100, seed=2))

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (
                {"examples": 9},
                "`examples` must be an integer in [10, inf). Received: examples=9",
            ),
            (
                {"seed": 0.5},
                "`seed` must be an integer in [0, 4294967296). Received: seed=0.5",
            ),
        ],
    )
    def test_refuses_bad_arguments(self, arguments, message):
        with pytest.raises(ValueError) as error:
            dates(**arguments)
        assert str(error.value) == message
