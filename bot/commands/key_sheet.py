"""The sheet of paper that the master key survives on: one page, no script, nothing from elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from html import escape

_STYLE = """
@page { size: auto; margin: 15mm }
* { box-sizing: border-box }
body { margin: 0 auto; max-width: 175mm; font: 11pt/1.4 system-ui, sans-serif; color: #000; background: #fff }
h1 { font-size: 19pt; margin: 0 0 2mm }
h2 { font-size: 12pt; margin: 5mm 0 1mm }
p, ol, ul { margin: 0 0 2mm }
.key { border: 0.6mm solid #000; padding: 4mm 6mm; margin: 4mm 0; display: flex; gap: 6mm; align-items: center;
  break-inside: avoid }
.key ol { list-style: none; margin: 0; padding: 0; flex: 1; counter-reset: line }
.key li { font: 700 17pt/1.7 ui-monospace, monospace; white-space: pre; counter-increment: line }
.key li::before { content: counter(line) "  "; font-weight: 400; font-size: 11pt }
.key svg { width: 42mm; height: 42mm; flex: none }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0.5mm 5mm; margin: 0 }
dt { font-weight: 700 } dd { margin: 0; font-family: ui-monospace, monospace }
.line { border-bottom: 0.3mm solid #000; display: inline-block; min-width: 60mm }
"""


@dataclass(frozen=True, slots=True)
class Sheet:
    """What the sheet says. `lines`: the key in groups of four. `qr`: the same lines as one `<svg>`, or empty."""

    lines: tuple[str, ...]
    key_id: str
    installation: str
    made_at: datetime
    qr: str = ""


def page(sheet: Sheet) -> str:
    """The whole page; it fits on one sheet of A4 or Letter."""
    lines = "".join(f"<li>{escape(line)}</li>" for line in sheet.lines)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="robots" content="noindex">
<title>Watchword master key {escape(sheet.key_id)}</title>
<style>{_STYLE}</style>
</head>
<body>
<h1>Watchword: master key</h1>
<p><strong>Secret.</strong> Whoever has this sheet and a backup can read everything in it. Whoever has a backup and not
this key has nothing: without it no backup can be restored, by anybody.</p>
<div class="key"><ol>{lines}</ol>{sheet.qr}</div>
<dl>
<dt>Key id</dt><dd>{escape(sheet.key_id)}</dd>
<dt>Installation</dt><dd>{escape(sheet.installation)}</dd>
<dt>Printed</dt><dd>{sheet.made_at:%Y-%m-%d %H:%M} UTC</dd>
</dl>
<h2>When you need it</h2>
<ol>
<li>On the new machine, with Watchword installed: <code>watchword keys check --output master.key</code>. Type the four
lines. The last three characters of each are a check: a typing error is found at once. There is no I, L, O or U.</li>
<li>Set <code>WATCHWORD_MASTER_KEY_FILE</code> to that file.</li>
<li><code>watchword restore FILE</code>. A backup names the id of the key it needs; compare it with the one above.</li>
</ol>
<h2>Where to keep it</h2>
<ul>
<li>Two sheets, in two places that do not burn down together: a safe, a bank. Never beside the backups.</li>
<li>In a closed envelope, signed across the flap, with the key id outside. Look once a year whether it is closed.</li>
<li>After <code>watchword keys rotate</code> print a new one. Keep this one while backups from before are kept.</li>
<li>Delete the file this was printed from, and empty the printer's memory if it has one.</li>
</ul>
<p>Put there by <span class="line">&nbsp;</span> on <span class="line">&nbsp;</span></p>
</body>
</html>
"""
