"""Configuration: TOML files, `LLMSPELL_*` variables and flags, to settings that know where each value came from.

`keys` (what may be written) → `lines` (where it stands in a file) → `files` (one file, checked) → `environment` →
`settings` (all layers as one). Imported only where there is something to read: see `llmspell.assembly`.
"""
