"""A spec whose every free text tries to get out of its place."""

from __future__ import annotations

import json

PAYLOADS = (
    "<script>document.title='owned'</script>",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)>",
    "[click](javascript:alert(1)) ![x](javascript:alert(1))",
    "</code></td></table><h1>out</h1>",
    '"><iframe src="javascript:alert(1)"></iframe>',
    "text {: onclick=alert(1) } and {: .class #id }",
    "<div markdown='1' onmouseover=alert(1)>*hi*</div>",
    "<javascript:alert(1)> <https://evil.example/>",
    "{{7*7}} {% for x in y %} {# no #} ${7*7}",
    "--8<-- 'README.md'",
    "a | b | c || <b>d</b>",
    "`code` ``` ~~~ *b* __u__ ==m== ^^s^^ :smile: [^1] *[HTML]: x",
    "</script><script>alert(1)</script><!-- x --> ]]>",
    "=HYPERLINK(1) &lt;b&gt; &#60;script&#62; \\u003cscript",
)


def hostile(name: str, payload: str) -> str:
    """A valid spec with a payload in its summary, its comments and its links."""
    link = "https://evil.example/" + "".join(c for c in payload if not c.isspace() and c not in "<>\"'")
    return f"""# {payload}
spec_version: 1
name: {name}
summary: {json.dumps(payload)}
sources:
  paper: {json.dumps(link)}
  code: {json.dumps(link)}
dims: {{d: 8}}
inputs:
  x: b (h w) d # {payload}
  size: {{sizes: h w, default: [4, 4]}}
steps:
  - linear: {{name: fc, out: d}} # {payload}
outputs: {{tokens: b (h w) d}}
"""
