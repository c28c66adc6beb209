"""TeX as MathML: latex2mathml's, with what it leaves to the reader set right, so that a browser spaces it as TeX would."""

import re
from html import escape

from latex2mathml.converter import convert

# before: what latex2mathml does not know, or sets with attributes that browsers have given up
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
    (
        r"\\[bB]igg?l?\(((?:(?!\\[bB]ig).)*)\\[bB]igg?r?\)(?=\^)",
        r"\\left(\1\\right)",
    ),  # a large parenthesis with an exponent would not grow
    (
        rf"(\\[bB]igg?[lr]?)\s*\\({'|'.join(DELIMITERS)})(?![a-zA-Z])",
        lambda m: m[1] + DELIMITERS[m[2]],
    ),
)
# after: operators that it takes for identifiers and the other way round; bars and slashes, which stand close; signs, primes, overlines
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
    # no font here has a bar that grows with what is under it: the style sheet draws it as a border
    (
        r'<mover>((?:(?!<mover>).)*?)<mo accent="true">&#x02015;</mo></mover>',
        r'<mrow class="over">\1</mrow>',
    ),
)
NAMED = re.compile(
    r"(?P<left></m(?:i|n|sub|sup|frac|sqrt)>|&#x00029;</mo>)?(?P<inner><m(?:sub|sup|under|subsup)>)?"
    r'<m[io](?: movablelimits="true")?>(?P<name>[a-z]{2,})</m[io]>(?P<open><mo stretchy="false">&#x00028;|</)?'
)
THIN = '<mspace width="0.167em" />'


def formula(tex: str, display: bool = False) -> str:
    """TeX as a <math> element that holds the TeX as its alternative text; ValueError quotes what cannot be set."""
    known = tex.strip()
    for pattern, put in BEFORE:
        known = re.sub(pattern, put, known)
    try:
        made = convert(known, display="block" if display else "inline")
    except Exception as error:  # it has a class for each mishap
        raise ValueError(
            f"formula ${tex}$ cannot be set ({type(error).__name__}): write it with what latex2mathml knows"
        ) from None
    if unknown := re.search(r"\\[a-zA-Z]*", made):
        raise ValueError(
            f"formula ${tex}$: {unknown[0]} is unknown to latex2mathml: write it otherwise, or teach gantutor.reproduce.site.mathml the name"
        )
    for pattern, put in AFTER:
        made = re.sub(pattern, put, made)
    return NAMED.sub(_named, made).replace("<math ", f'<math alttext="{escape(tex.strip())}" ', 1)


def _named(match: re.Match) -> str:
    """log, max and the like are upright identifiers with a thin space on either side, none before a parenthesis."""
    left, inner, opened = match["left"] or "", match["inner"] or "", match["open"] or ""
    before, after = THIN if left else "", "" if inner or opened else THIN
    return f"{left}{before}{inner}<mi>{match['name']}</mi>{opened}{after}"
