"""The style sheet of the report of a run."""

STYLE = """\
:root {
  --paper: #fff; --ink: #1b1f24; --soft: #59636e; --line: #d7dce1; --panel: #f5f7f9;
  --ok: #1a7f37; --warn: #9a6700; --bad: #cf222e; --wait: #57606a; --blocked: #cf222e33; --bar: #2f6fb5;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #101418; --ink: #e4e8ec; --soft: #98a3ae; --line: #313a43; --panel: #182027;
    --ok: #46b862; --warn: #d9a229; --bad: #ff6b6b; --wait: #98a3ae; --blocked: #ff6b6b44; --bar: #3f82cc;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main, footer { max-width: 70rem; margin: 0 auto; padding: 1rem; }
footer { color: var(--soft); font-size: .85rem; }
h1 { margin: .2rem 0; font-size: 1.7rem; overflow-wrap: anywhere; }
h2 { margin: 2rem 0 .6rem; font-size: 1.15rem; }
h3 { margin: 1.2rem 0 .4rem; font-size: 1rem; font-weight: 600; }
.sub, .note { color: var(--soft); }
.said { border-left: 4px solid var(--bad); padding-left: .8rem; white-space: pre-line; }
.badge { margin: .5rem 0 0; }
span.ok, span.warn, span.bad, span.wait { font-weight: 600; white-space: nowrap; }
span.ok { color: var(--ok); } span.warn { color: var(--warn); } span.bad { color: var(--bad); }
span.wait { color: var(--wait); }
pre, code { font: .85rem/1.45 ui-monospace, monospace; }
pre { background: var(--panel); padding: .6rem .8rem; border-radius: 6px; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; }
pre.next { border: 2px solid var(--bad); }
code { white-space: pre-wrap; overflow-wrap: anywhere; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: .6rem; margin: 1rem 0; }
.card { background: var(--panel); border-radius: 8px; padding: .7rem .9rem; display: flex; flex-direction: column; }
.card b { font-size: 1.4rem; overflow-wrap: anywhere; } .card span { color: var(--soft); }
.card small { color: var(--soft); }
.todo { border: 2px solid var(--warn); border-radius: 8px; padding: 0 1rem; } .todo h2 { margin-top: .8rem; }
.lane { display: grid; grid-template-columns: minmax(2.5rem, 5rem) 1fr; gap: .6rem; margin: 4px 0; }
.lane { align-items: center; }
.lane b { text-align: right; overflow: hidden; text-overflow: ellipsis; font-size: .9rem; }
.track { position: relative; height: 1.9rem; background: var(--panel); border-radius: 4px; overflow: hidden; }
.track i { position: absolute; top: 0; bottom: 0; }
.track .bar { top: 3px; bottom: 3px; min-width: 3px; border-radius: 2px; background: var(--bar);
  border-left: 1px solid var(--paper); overflow: hidden; }
.track .bar.warn { background: var(--warn); } .track .bar.bad { background: var(--bad); }
.track .bar.wait { background: var(--wait); } .track .bar.group { opacity: .45; }
.track .bar span { color: #fff; font: 600 .75rem/1.5rem system-ui, sans-serif; padding: 0 .4rem; white-space: nowrap; }
.track .blocked { background: var(--blocked); min-width: 3px; border: solid var(--bad); border-width: 0 1px; }
.axis { display: flex; justify-content: space-between; color: var(--soft); font-size: .8rem; }
svg { width: 100%; height: 4rem; background: var(--panel); border-radius: 4px; display: block; }
svg path { fill: none; stroke: var(--bar); stroke-width: 2.5; vector-effect: non-scaling-stroke; }
svg .gap { fill: var(--wait); opacity: .25; }
.notes { overflow-wrap: anywhere; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; }
th { text-align: left; color: var(--soft); font-weight: 600; }
th, td { padding: .35rem .7rem .35rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
td small { color: var(--soft); overflow-wrap: anywhere; } td small.error { color: var(--bad); }
details { margin: 1.5rem 0; } summary { cursor: pointer; font-weight: 600; font-size: 1.05rem; margin-bottom: .5rem; }
details.part { border: 1px solid var(--line); border-radius: 8px; padding: .5rem .9rem; margin: .6rem 0; }
details.part > summary { margin-bottom: 0; } details.part[open] > summary { margin-bottom: .8rem; }
.part summary small { color: var(--soft); font-weight: 400; overflow-wrap: anywhere; }
.part h2 { font-size: 1rem; margin-top: 1.4rem; }
@media (max-width: 40rem) {
  main { padding: .7rem; } h1 { font-size: 1.3rem; } .card b { font-size: 1.15rem; }
  .lane { grid-template-columns: 3.4rem 1fr; gap: .3rem; } td code { min-width: 14rem; display: inline-block; }
}
@media print { details > * { display: block; } .track, .card, pre, svg { print-color-adjust: exact; } }
"""
