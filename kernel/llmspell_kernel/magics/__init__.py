"""Cells and lines that are no Lua: `%tool`, `%%time`, `%%python` and a few more, beside and inside of Lua cells.

`names` (which there are) → `lines`, `headers` (where they stand) → `rewriting` (what Lua runs instead) → `words`
(a line's own words) → `host` (what Lua calls back) → `language` (completion, inspection) and `magics` (running).
"""
