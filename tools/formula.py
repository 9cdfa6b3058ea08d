"""Formulas as MathML, which browsers draw by themselves: no script, no fonts, no network."""

import re

from latex2mathml.converter import convert


def mathml(tex, display):
    r"""Turn a formula in LaTeX into MathML; `display` is "inline" or "block".

    >>> mathml(r"\arg\min_x f", "inline").count("<mo>arg</mo>")
    1
    """
    return convert(re.sub(r"\\arg(?=\s*\\m)", r"\\operatorname{arg}", tex.strip()), display=display)
