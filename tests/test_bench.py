"""The harness of the benchmarks, on toy cases, without any library to race against."""

import numpy as np
import pytest
import torch

from benchmarks import __main__ as bench
from benchmarks import race, report


def toy(peers, target=0.5, **options):
    """A case whose own result is 2."""
    return race.Case("toy", "two numbers", target, lambda device: (race.Run(lambda: 2.0), peers), 0, 1e-9, **options)


def rows(ratios, target=0.5):
    return [race.Row(toy({}, target), f"peer {r}", times=(r, 1.0), ratios=[r]) for r in ratios]


def missing():
    import a_library_that_is_not_there  # noqa: F401


@pytest.mark.parametrize(
    ("ratio", "target", "expected"),
    [
        (0.4, 0.5, "met"),
        (0.5, 0.5, "met"),
        (0.6, 0.5, "missed"),
        (0.79, 0.5, "missed"),
        (0.8, 1.0, "met, a tie"),
        (1.0, 1.0, "met, a tie"),
        (1.25, 1.0, "missed, a tie"),
        (1.26, 1.0, "missed"),
    ],
)
def test_verdict(ratio, target, expected):
    assert race.verdict(rows([ratio], target)[0]) == expected


def test_the_peer_that_counts_is_the_fastest_that_agrees():
    table = [*rows([0.2, 0.7, 0.3]), race.Row(toy({}), "wrong", note="differs, does not count: shapes differ")]
    assert race.best_of(table).peer == "peer 0.7"
    assert race.best_of(table[-1:]) is None
    assert [line.count("|") for line in report.table([table]).splitlines()] == [10] * 6
    assert "0.5 | missed" in report.table([table])
    assert report.table([table]).count("missed") == 1


def test_a_race_times_what_agrees_and_says_why_it_leaves_out_the_rest():
    def broken():
        raise RuntimeError("of an older version")

    found = race.race(
        toy(
            {
                "equal": lambda: race.Run(lambda: 4.0, lambda result: result / 2),
                "nearly": lambda: race.Run(lambda: 2.001),
                "longer": lambda: race.Run(lambda: [2.0, 2.0]),
                "absent": missing,
                "broken": broken,
            }
        ),
        seconds=0.01,
    )
    equal, *others = found
    assert len(equal.ratios) >= 3
    assert equal.ratio > 0
    assert equal.memory[0] is None or equal.memory[0] < 5
    assert [row.note for row in others] == [
        "differs, does not count: values differ by up to 0.001",
        "differs, does not count: shapes differ",
        "not installed",
        "fails, does not count: RuntimeError",
    ]
    assert not any(row.ratios for row in others)


def test_results_of_every_kind_are_compared():
    def same(a, b):
        return race.difference(a, b, rtol=0, atol=1e-6) == ""

    tensor = torch.tensor([1.0, 2.0])
    assert same([tensor, 3.0], [np.array([1.0, 2.0]), np.float32(3)])
    assert same([[tensor], [1, 2]], [[tensor], np.array([1, 2])])
    assert not same([tensor, 3.0], [tensor, 3.1])
    assert not same(tensor, torch.tensor([1.0, torch.nan]))
    assert not same([[1, 2], [3]], [[1, 2], [3, 4]])


def test_calls_take_turns_and_the_slower_one_shows():
    calls = []

    def call(name, size):
        def run():
            calls.append(name)
            sum(range(size))

        return run

    times = race.in_turns(call("a", 200_000), call("b", 10), seconds=0.0, least=6)
    assert times.shape == (6, 2)
    assert np.median(times[:, 0]) > 10 * np.median(times[:, 1])
    assert calls[:8] == ["b", "a", "a", "b", "b", "a", "a", "b"]  # the first round does not count


def test_peak_memory_sees_numpy_and_torch_alike_and_what_was_freed():
    if race.peak_memory(lambda: None) is None:
        pytest.skip("this system does not tell")
    for make in (lambda n: np.ones(n), lambda n: torch.ones(n, dtype=torch.double)):
        found = race.peak_memory(lambda make=make: make(4_000_000).sum())
        assert 30 < found < 40


def test_threads_are_limited_and_put_back():
    before = torch.get_num_threads()
    with race.limited(1):
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before


def test_every_block_of_the_table_is_registered_with_a_target():
    assert {name: case.target for name, case in race.CASES.items()} == {
        "dtw": 1.0,
        "soft_dtw": 0.6,
        "GaussianHMM.decode": 0.4,
        "GaussianHMM.posteriors": 0.4,
        "CCA": 0.5,
        "KernelCCA": 0.2,
        "deep_cca_loss": 0.8,
        "info_nce": 0.75,
        "siglip_loss": 1.0,
        "sinkhorn": 0.1,
        "sinkhorn-scaled": 1.0,
        "beam_search": 0.75,
        "ctc_beam_decode": 1.0,
        "TensorFusion": 0.65,
        "LowRankFusion": 0.85,
        "CrossModalTransformer": 0.8,
    }


def test_compositions_in_torch_agree_with_the_blocks():
    sizes = {
        "TensorFusion": {"width": 3},
        "LowRankFusion": {"width": 3},
        "CrossModalTransformer": {"length": 7, "width": 8},
    }
    for name, options in sizes.items():
        case = race.CASES[name]
        ours, peers = case.make("cpu", batch=5, **options)
        for peer in peers.values():
            run = peer()
            assert race.difference(ours.read(ours.call()), run.read(run.call()), rtol=1e-4, atol=1e-5) == ""
            assert run.parameters == ours.parameters


def test_results_are_written_between_the_marks_only(tmp_path):
    page = tmp_path / "RESULTS.md"
    page.write_text("by hand\n<!-- begin cpu -->\nold\n<!-- end cpu -->\nalso by hand\n")
    report.write("cpu", "new", page)
    assert page.read_text() == "by hand\n<!-- begin cpu -->\n\nnew\n\n<!-- end cpu -->\nalso by hand\n"
    with pytest.raises(ValueError, match="no marks"):
        report.write("cuda", "new", page)


def test_wrong_names_and_half_tables_are_refused(capsys):
    for arguments, words in (["dwt"], "no block dwt"), (["dtw", "--write"], "the whole table"):
        with pytest.raises(SystemExit):
            bench.main(arguments)
        assert words in capsys.readouterr().err
