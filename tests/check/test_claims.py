"""Claims: that they can fail, and what they refuse to judge."""

import numpy as np
import pytest

import mmcourse as mm
from mmcourse.check import claims
from mmcourse.metrics import Interval, interval

GOOD = [0.031, 0.028, 0.033, 0.030, 0.032]
TEXT = "bagging beats a single tree"


@pytest.fixture(autouse=True)
def plain(monkeypatch):
    monkeypatch.delenv("MMCOURSE_STRICT", raising=False)
    monkeypatch.delenv("MMCOURSE_PROFILE", raising=False)
    monkeypatch.setattr(claims, "LOG", [])


@pytest.fixture
def strict(monkeypatch):
    monkeypatch.setenv("MMCOURSE_STRICT", "1")


def around(mean, half):
    """Five values whose mean is `mean` and whose 95 % interval reaches `half` to both sides."""
    values = np.array([-2.0, -1, 0, 1, 2])
    return mean + values * half / interval(values).high


def test_a_claim_that_holds(capsys, strict):
    claims.claim("01.1", TEXT, GOOD)
    found = claims.LOG[-1].interval
    assert found == interval(GOOD)
    line = "claim 01.1 holds: bagging beats a single tree: +0.031 [0.028, 0.033] over 5 runs; needed: interval above 0"
    assert capsys.readouterr().out == line + "\n"
    assert [(entry.id, entry.text, entry.interval, entry.runs, entry.holds, entry.line) for entry in claims.LOG] == [
        ("01.1", TEXT, found, 5, True, line)
    ]


def test_a_claim_that_does_not_hold_is_only_printed(capsys):
    claims.claim("01.1", TEXT, [-value for value in GOOD], unit="points")
    assert capsys.readouterr().out == (
        "claim 01.1 does not hold: bagging beats a single tree: "
        "-0.031 [-0.033, -0.028] points over 5 runs; needed: interval above 0\n"
    )
    assert not claims.LOG[0].holds


@pytest.mark.parametrize(
    ("mean", "half", "margin", "holds"),
    [
        (1, 0.9, 0, True),
        (1, 1.1, 0, False),  # the interval reaches below zero
        (-1, 0.5, 0, False),
        (4, 3.9, 3, True),
        (4, 4.1, 3, False),  # large enough, but not surely above zero
        (2.9, 0.1, 3, False),  # surely above zero, but too small
        (-0.5, 0.4, -1, True),  # "at most 1 worse"
        (-0.5, 0.6, -1, False),
        (-1.1, 0.05, -1, False),
    ],
)
def test_margin(strict, mean, half, margin, holds):
    if holds:
        claims.claim("01.1", TEXT, around(mean, half), margin=margin)
    else:
        with pytest.raises(claims.ClaimFailed, match=r"^claim 01\.1 does not hold"):
            claims.claim("01.1", TEXT, around(mean, half), margin=margin)
    assert [entry.holds for entry in claims.LOG] == [holds]


@pytest.mark.parametrize(
    ("mean", "half", "holds"),
    [
        (0.5, 1.4, True),
        (-0.5, 1.4, True),
        (0.5, 1.6, False),  # reaches beyond twice the limit
        (-0.5, 1.6, False),
        (1.1, 0.1, False),
        (-1.1, 0.1, False),
    ],
)
def test_within(mean, half, holds):
    claims.claim("01.2", "no difference", around(mean, half), within=1.0)
    assert claims.LOG[0].holds is holds


def test_needs_are_printed(capsys):
    claims.claim("01.1", TEXT, around(4, 1), margin=3, unit="points")
    claims.claim("01.1", TEXT, around(4, 1), margin=-1)
    claims.claim("01.1", TEXT, around(0, 1), within=1, unit="points")
    claims.claim("01.1", TEXT, Interval(0.2, 0.1, 0.3))
    needs = [line.split(" over 5 runs; ")[-1] for line in capsys.readouterr().out.splitlines()]
    assert needs[:3] == [
        "needed: at least +3, interval above 0",
        "needed: interval above -1",
        "needed: between -1 and +1, interval between -2 and +2",
    ]
    assert (
        needs[3]
        == "claim 01.1 holds: bagging beats a single tree: +0.20 [0.10, 0.30] by bootstrap; needed: interval above 0"
    )


def test_an_interval_is_judged_as_given(strict):
    given = Interval(4.0, 0.5, 5.0)
    claims.claim("01.1", TEXT, given, margin=3)
    assert claims.LOG[-1].interval is given
    assert claims.LOG[0].runs is None
    with pytest.raises(claims.ClaimFailed):
        claims.claim("01.1", TEXT, Interval(4.0, -0.5, 5.0), margin=3)


@pytest.mark.parametrize("profile", ["smoke", "full"])
def test_other_profiles_only_print(strict, monkeypatch, capsys, profile):
    monkeypatch.setenv("MMCOURSE_PROFILE", profile)
    claims.claim("01.1", TEXT, around(-1, 0.5))
    assert "does not hold" in capsys.readouterr().out


@pytest.mark.parametrize("profile", ["smoke", "quick", "full"])
@pytest.mark.parametrize(
    ("values", "message"),
    [
        (GOOD[:4], "at least five values"),
        ([], "at least five values"),
        (0.03, "at least five values"),
        ([GOOD], r"at least five values, one a run, got shape \(1, 5\)"),
        ([*GOOD, np.nan], "finite"),
        ([*GOOD, np.inf], "finite"),
        (["a"] * 5, "numbers"),
        (Interval(1, np.nan, 2), "not finite"),
        (Interval(1, 0.5, np.inf), "not finite"),
    ],
)
def test_values_that_support_no_claim(monkeypatch, capsys, profile, values, message):
    monkeypatch.setenv("MMCOURSE_PROFILE", profile)
    with pytest.raises(ValueError, match=message):
        claims.claim("01.1", TEXT, values)
    assert capsys.readouterr().out == ""
    assert not claims.LOG


@pytest.mark.parametrize(
    "values", [[3.0] * 5, [0.0] * 5, np.full(7, 0.1), [3.0, 3.0, 3.0, 3.0, 3.0 + 1e-15], Interval(1, 1, 1)]
)
def test_numbers_that_are_all_the_same_are_refused(monkeypatch, values):
    with pytest.raises(ValueError, match="so nothing was measured; does the seed reach the experiment"):
        claims.claim("01.1", TEXT, values)
    monkeypatch.setenv("MMCOURSE_PROFILE", "smoke")  # tiny runs do tie
    claims.claim("01.1", TEXT, values)


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (("1.1", TEXT, GOOD), {}, "lesson and number"),
        (("01.1", " ", GOOD), {}, "no text"),
        (("01.1", TEXT, GOOD), {"margin": 1, "within": 1}, "give one"),
        (("01.1", TEXT, GOOD), {"margin": np.nan}, "finite margin"),
        (("01.1", TEXT, GOOD), {"margin": -np.inf}, "finite margin"),
        (("01.1", TEXT, GOOD), {"within": 0}, "within above 0"),
        (("01.1", TEXT, GOOD), {"within": np.inf}, "within above 0"),
    ],
)
def test_requests_that_make_no_sense(arguments, options, message):
    with pytest.raises(ValueError, match=message):
        claims.claim(*arguments, **options)


def test_the_short_name():
    assert mm.claim is claims.claim
