"""TeX as MathML: what latex2mathml makes, corrected so that a browser spaces it as TeX does."""

import re

from latex2mathml.converter import convert
from markupsafe import Markup, escape

# before: what latex2mathml does not know, or sets with attributes that browsers no longer read
DELIMITERS = {
    "langle": "⟨",
    "rangle": "⟩",
    "lvert": "|",
    "rvert": "|",
    "lVert": "‖",
    "rVert": "‖",
    "Vert": "‖",
}
NAMES = ("arg",)
BEFORE = (
    (rf"\\({'|'.join(NAMES)})(?![a-zA-Z])", r"\\operatorname{\1}"),
    (r"\\xrightarrow\{((?:[^{}]|\{[^{}]*\})*)\}", r"\\overset{\1}{\\longrightarrow}"),
    # a large parenthesis with an exponent would not grow
    (
        r"\\[bB]igg?l?\(((?:(?!\\[bB]ig).)*)\\[bB]igg?r?\)(?=\^)",
        r"\\left(\1\\right)",
    ),
    (
        rf"(\\[bB]igg?[lr]?)\s*\\({'|'.join(DELIMITERS)})(?![a-zA-Z])",
        lambda m: m[1] + DELIMITERS[m[2]],
    ),
)
# after: operators that it takes for identifiers and the other way round; bars and slashes, which
# have no space around them; signs, primes, overlines
CLOSE = 'lspace="0" rspace="0"'
AFTER = (
    (r"<mo>(&#x0221E;)</mo>", r"<mi>\1</mi>"),
    (r"<mi>(:|&#x000B1;|&#x027F6;)</mi>", r"<mo>\1</mo>"),
    (r"<mi>&#x0007E;</mi>", "<mo>&#x0223C;</mo>"),
    (
        r'<mo(?: fence="false")?(?: stretchy="false")?>(&#x02016;|&#x0007C;)</mo>',
        rf'<mo stretchy="false" {CLOSE}>\1</mo>',
    ),
    (r"<mo>&#x0002F;</mo>", f"<mo {CLOSE}>/</mo>"),
    (
        r'<mo minsize="([\d.]+em)" maxsize="[\d.]+em">',
        r'<mo stretchy="true" symmetric="true" minsize="\1" maxsize="\1">',
    ),
    (
        r"(?<=&#x(?:0003D|00028|0005B|0002C|02248|0003E|0003C);</mo>)<mo>(?=&#x02212;|&#x000B1;)",
        '<mo form="prefix">',
    ),
    (
        r"<msup>(<mi>[^<]*</mi>)<mi>&#x02032;</mi></msup>",
        rf"<mrow>\1<mo {CLOSE}>&#x02032;</mo></mrow>",
    ),
    (
        r"<msubsup>(<mi>[^<]*</mi>)(<mi>[^<]*</mi>)<mi>&#x02032;</mi></msubsup>",
        rf"<msub><mrow>\1<mo {CLOSE}>&#x02032;</mo></mrow>\2</msub>",
    ),
    # common fonts have no bar that grows with what is under it: site.css draws it as a border
    (
        r'<mover>((?:(?!<mover>).)*?)<mo accent="true">&#x02015;</mo></mover>',
        r'<mrow class="over">\1</mrow>',
    ),
)
NAMED = re.compile(
    r"(?P<left></m(?:i|n|sub|sup|frac|sqrt)>|&#x00029;</mo>)?"
    r"(?P<inner><m(?:sub|sup|under|subsup)>)?"
    r'<m[io](?: movablelimits="true")?>(?P<name>[a-z]{2,})</m[io]>'
    r'(?P<open><mo stretchy="false">&#x00028;|</)?'
)
THIN = '<mspace width="0.167em" />'


def formula(tex: str, display: bool = False) -> Markup:
    """TeX as a <math> element that has the TeX as its alternative text.

    Raises ValueError, which quotes the formula, where latex2mathml does not know a part of it.
    """
    known = tex.strip()
    for pattern, put in BEFORE:
        known = re.sub(pattern, put, known)
    try:
        made = convert(known, display="block" if display else "inline")
    except Exception as error:  # latex2mathml has a class of its own for each mishap
        raise ValueError(
            f"formula ${tex}$ cannot be set ({type(error).__name__}): "
            "write it with what latex2mathml knows"
        ) from None
    if unknown := re.search(r"\\[a-zA-Z]*", made):
        raise ValueError(
            f"formula ${tex}$: {unknown[0]} is unknown to latex2mathml: write it differently, "
            "or teach gantutor.reproduce.site.mathml the name"
        )
    for pattern, put in AFTER:
        made = re.sub(pattern, put, made)
    begin = f'<math alttext="{escape(tex.strip())}" '
    return Markup(NAMED.sub(_named, made).replace("<math ", begin, 1))


def _named(match: re.Match) -> str:
    """Set log, max and the like upright, with a thin space on either side, none before "("."""
    left, inner, opened = match["left"] or "", match["inner"] or "", match["open"] or ""
    before, after = THIN if left else "", "" if inner or opened else THIN
    return f"{left}{before}{inner}<mi>{match['name']}</mi>{opened}{after}"
