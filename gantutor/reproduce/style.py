"""The look that the report and the course's site share: type, colours, tables, figures, folds; a phone and paper."""

BASE = """
:root { --ink: #1d2733; --soft: #5b6673; --line: #dfe4ea; --paper: #fff; --wash: #f5f7f9; --link: #00588f; }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; scroll-behavior: smooth; }
body { margin: 0 auto; padding: 2.5rem 1.5rem 4rem; max-width: 68rem; color: var(--ink); background: var(--paper);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "DejaVu Sans", sans-serif; }
h1, h2, h3 { font-family: Georgia, "Times New Roman", "DejaVu Serif", serif; font-weight: 600;
  line-height: 1.2; text-wrap: balance; }
h1 { font-size: 2.5rem; margin: .2rem 0 .8rem; letter-spacing: -.01em; }
h2 { font-size: 1.6rem; margin: 3.5rem 0 1.4rem; padding-top: 1.2rem; border-top: 2px solid var(--ink); }
h3 { font-size: 1.25rem; margin: 0; }
a { color: var(--link); text-underline-offset: .15em; }
small { font-size: .84rem; color: var(--soft); }
sup { line-height: 0; color: var(--soft); font-weight: 400; padding-left: .15em; }
code { font: .86em ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; overflow-wrap: anywhere; }
.kicker, .meta, footer { color: var(--soft); font-size: .88rem; margin: 0; }
.lede { font-size: 1.12rem; max-width: 46rem; margin: 0 0 1.8rem; }
.note { max-width: 46rem; color: var(--soft); font-size: .95rem; }
table { width: 100%; border-collapse: collapse; margin: 1rem 0; font-size: .94rem; }
th { text-align: left; font-size: .8rem; font-weight: 600; color: var(--soft); padding: .3rem .8rem .3rem 0;
  border-bottom: 1.5px solid var(--ink); }
td { vertical-align: top; padding: .6rem .8rem .6rem 0; font-variant-numeric: tabular-nums;
  border-bottom: 1px solid var(--line); }
td:last-child, th:last-child { padding-right: 0; }
figure { margin: 1.4rem 0; }
img { display: block; max-width: 100%; height: auto; border: 1px solid var(--line); border-radius: .3rem; }
figcaption { color: var(--soft); font-size: .9rem; margin-top: .5rem; max-width: 46rem; }
details { border-top: 1px solid var(--line); padding: .5rem 0; font-size: .92rem; }
details:last-child { border-bottom: 1px solid var(--line); }
summary { cursor: pointer; font-weight: 600; }
details ul { margin: 0; padding-left: 1.1rem; } details li { overflow-wrap: anywhere; }
dl { display: grid; grid-template-columns: minmax(6rem, auto) 1fr; gap: .2rem 1rem; margin: .8rem 0; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; min-width: 0; }
dd ul { list-style: none; padding: 0; }
footer { margin-top: 3rem; padding-top: 1rem; border-top: 1px solid var(--line); }
@media screen and (max-width: 48rem) {
  body { padding: 1.4rem 1rem 3rem; } h1 { font-size: 2rem; }
  dl { grid-template-columns: 1fr; } dt { margin-top: .4rem; }
}
@media print {
  @page { size: A4; margin: 14mm 13mm; }
  html { font-size: 12px; } body { max-width: none; padding: 0; font-size: 1rem; } a { color: inherit; text-decoration: none; }
  h2 { margin-top: 1.8rem; }
  figure, tr { break-inside: avoid; } h2, h3 { break-after: avoid; }
  .note, .lede { max-width: none; }
  img { max-height: 20cm; width: auto; }
  details::details-content { content-visibility: visible; }
}
"""
