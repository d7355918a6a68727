"""Attempts to get out of the roots from a Lua script: io, os, require and the ways around them."""

from __future__ import annotations

import contextlib
import os
import pathlib

import pytest

from llmspell_kernel.lua.engine import LuaEngine
from llmspell_kernel.lua.settings import EngineSettings
from llmspell_tools.policy import Policy
from llmspell_tools.registry import ToolRegistry

SECRET = "topsecret_4711"

#: Every way to name the secret file from the current folder; `{out}` is the folder outside.
ROUTES = [
    "{out}/secret",
    "../outside/secret",
    "sub/../../outside/secret",
    "doorway/secret",
    "sub/doorway/secret",
    "doorway/../outside/secret",
    "/proc/self/cwd/../outside/secret",
    "/proc/self/root{out}/secret",
    "/../..{out}/secret",
    "//{out}/secret",
    "link",
    "sub/../link",
    "~/secret",
    "file://{out}/secret",
    "../rootsibling/secret",
]


@pytest.fixture
def outside(tmp_path, monkeypatch):
    root, out, sibling = tmp_path / "root", tmp_path / "outside", tmp_path / "rootsibling"
    for folder in (root / "sub", out, sibling):
        folder.mkdir(parents=True)
    for folder in (out, sibling):
        (folder / "secret").write_text(SECRET + "\n")
        (folder / "secret.lua").write_text(f"leaked = '{SECRET}' return '{SECRET}'\n")
    (root / "mine").write_text("mine\n")
    (root / "good.lua").write_text("return 'good'\n")
    os.symlink(out, root / "doorway")
    os.symlink("../doorway", root / "sub/doorway")
    os.symlink("../outside/secret", root / "link")
    os.symlink("../outside/secret.lua", root / "linked.lua")
    monkeypatch.setenv("HOME", str(out))
    monkeypatch.chdir(root)
    return out


@contextlib.contextmanager
def engine_with_root(top, folder):
    """Give `run(code, **texts)`: runs a script with the texts as locals, returns results and output as one text."""
    policy = Policy.from_json({"ceiling": "privileged", "allow": {"read": [top], "write": [top], "env": ["standard"]}})
    said = []
    engine = LuaEngine(
        ToolRegistry(policy=policy),
        write=lambda stream, text: said.append(text),
        settings=EngineSettings(script_dir=folder),
    )

    def run(code, **texts):
        said.clear()
        heads = "".join(f"local {name} = {long(value)}\n" for name, value in texts.items())
        result = engine.execute(heads + code, name="@test.lua", mode="script", timeout_s=5)
        return f"{result.values} {''.join(said)}"

    try:
        yield run
    finally:
        engine.close()


@pytest.fixture
def lua(outside):
    root = str(outside.parent / "root")
    with engine_with_root(root, root) as run:
        yield run


@pytest.fixture
def free_lua(outside):
    """The control: the same scripts where the folder above is the root."""
    with engine_with_root(str(outside.parent), str(outside.parent)) as run:
        yield run


def long(text):
    """A Lua string literal."""
    return '"' + "".join(f"\\{byte:03d}" for byte in text.encode()) + '"'


def kept(folder):
    return {
        os.path.join(at, name): pathlib.Path(at, name).read_bytes()
        for at, _, names in os.walk(folder)
        for name in names
    }


TRY = """
local function try(f, ...)
  local ok, a, b, c = pcall(f, ...)
  if not ok then return "raised: " .. tostring(a) end
  return tostring(a) .. " " .. tostring(b) .. " " .. tostring(c)
end
"""


READ_ALL = (
    TRY
    + """
local seen = {}
for _, mode in ipairs{"r", "rb", "r+", "r+b", "a+"} do
  local f, why, code = io.open(path, mode)
  seen[#seen + 1] = mode .. tostring(f and f:read("a")) .. tostring(why) .. tostring(code)
end
seen[#seen + 1] = try(function() for line in io.lines(path) do seen[#seen + 1] = line end end)
if io.input then seen[#seen + 1] = try(function() io.input(path) return io.read("a") end) end
return table.concat(seen, "|")
"""
)


def test_the_attempts_below_would_work_where_they_are_allowed(free_lua, outside):
    for route in ("{out}/secret", "../outside/secret", "doorway/secret", "sub/doorway/secret", "link"):
        assert SECRET in free_lua(READ_ALL, path=route.format(out=outside))
    assert SECRET in free_lua('return require("outside.secret")')
    assert "outside" in free_lua('return os.getenv("HOME")')


@pytest.mark.parametrize("route", ROUTES)
def test_io_reads_nothing_outside(lua, outside, route):
    before = kept(outside)
    said = lua(READ_ALL, path=route.format(out=outside))

    assert SECRET not in said
    assert kept(outside) == before


@pytest.mark.parametrize("name", ["secret", "fresh"])
@pytest.mark.parametrize("route", ROUTES)
def test_io_and_os_write_nothing_outside(lua, outside, route, name):
    if route.endswith("link") and name == "fresh":
        pytest.skip("one link, one name")
    before, sibling = kept(outside), kept(outside.parent / "rootsibling")
    lua(
        TRY
        + """
        for _, mode in ipairs{"w", "wb", "a", "a+", "w+", "r+"} do
          local f = io.open(path, mode)
          if f then f:write("overwritten") f:close() end
        end
        if io.output then try(function() io.output(path) io.write("overwritten") io.close() end) end
        try(os.rename, "mine", path)
        """,
        path=route.format(out=outside).replace("secret", name),
    )
    if not route.endswith("link"):
        lua(
            TRY + 'try(os.remove, path) try(os.rename, path, "stolen")',
            path=route.format(out=outside).replace("secret", name),
        )

    assert kept(outside) == before
    assert kept(outside.parent / "rootsibling") == sibling


def test_a_link_to_the_outside_is_removed_as_a_link(lua, outside):
    before = kept(outside)
    lua('os.remove("link") os.remove("doorway")')

    assert not os.path.lexists("link")
    assert not os.path.lexists("doorway")
    assert kept(outside) == before


@pytest.mark.parametrize(
    "module",
    ["secret", "outside.secret", "..outside.secret", "../outside/secret", "doorway.secret", "doorway/secret", "linked",
     "/etc/passwd", "sub.doorway.secret", "....outside.secret"],
)  # fmt: skip
def test_require_loads_nothing_outside(lua, outside, module):
    for name in (module, f"{outside}/{module}", str(outside / "secret")):
        said = lua(TRY + "return try(require, module), tostring(leaked)", module=name)

        assert SECRET not in said


def test_require_still_loads_what_is_inside(lua):
    assert "good" in lua('return require("good")')


@pytest.mark.parametrize(
    "code",
    [
        "package.path = out .. '/?.lua' return require('secret')",
        "package.searchpath('secret', out .. '/?.lua') return require('secret')",
        "package.preload.x = loadfile(out .. '/secret.lua') return require('x')",
        "package.cpath = out .. '/?.so' return require('secret')",
        "return package.loadlib(out .. '/secret', '*')",
        "return loadfile(out .. '/secret.lua')()",
        "return dofile(out .. '/secret.lua')",
        "return io.popen('cat ' .. out .. '/secret'):read('a')",
        "return os.execute('cat ' .. out .. '/secret')",
        "return debug.getregistry()",
        "return load(string.dump(function() end), 'x', 'b')",
        "for line in io.lines(out .. '/secret') do return line end",
        "return getmetatable('').__index.open(out .. '/secret')",
        "local f = io.open('mine') return getmetatable(f).__index.open(out .. '/secret')",
        "local f = io.open('mine') f.path = out .. '/secret' return f:read('a')",
        "local f = io.open('mine') local m = getmetatable(f) if type(m) == 'table' then m.path = out end return m",
        "return io.open(setmetatable({}, {__tostring = function() return out .. '/secret' end})):read('a')",
        "return Tool.execute('file-operations', {operation = 'read', path = out .. '/secret'}).text",
        "return Tool.invoke('csv-analyzer', {operation = 'analyze', input_file = out .. '/secret'}).text",
        "return Tool.execute('file-operations', {operation = 'cp', from = out .. '/secret', to = 'stolen'}).text",
        "return os.getenv('HOME') and io.open(os.getenv('HOME') .. '/secret'):read('a')",
        "os.setlocale('C') return io.stdin.open(out .. '/secret')",
        "return io.open('doorway'):read('a')",
        "return arg and io.open(out .. '/secret\\0.txt'):read('a')",
        "return io.open(out .. '/./secret'):read('a')",
    ],
)
def test_ways_around_io_lead_nowhere(lua, outside, code):
    said = lua(TRY + f"local r = try(function() {code} end) return r", out=str(outside))

    assert SECRET not in said
    assert not os.path.exists("stolen")


@pytest.mark.parametrize("name", ["API_KEY", "MY_TOKEN", "AWS_SECRET_ACCESS_KEY", "UNLISTED"])
def test_variables_that_are_not_allowed_read_as_unset(lua, monkeypatch, name):
    monkeypatch.setenv(name, SECRET)

    assert SECRET not in lua("return tostring(os.getenv(name))", name=name)


def test_allowed_variables_are_read(lua, monkeypatch):
    monkeypatch.setenv("LANG", "C.UTF-8")

    assert "C.UTF-8" in lua('return os.getenv("LANG")')


@pytest.mark.parametrize("name", ["llmspell.toml", ".llmspell.toml", "sub/llmspell.toml", ".git/hooks/pre-commit"])
def test_a_script_writes_no_file_that_would_give_rights(lua, name):
    os.makedirs(".git/hooks")
    lua(
        TRY
        + """
        for _, mode in ipairs{"w", "a", "a+", "w+"} do
          local f = io.open(path, mode)
          if f then f:write("x") f:close() end
        end
        try(os.rename, "mine", path)
        """,
        path=name,
    )

    assert not os.path.exists(name)


def test_a_hard_link_is_not_written_in_place(lua, outside):
    os.link(outside / "secret", "hard")
    lua(
        TRY
        + """
        for _, mode in ipairs{"r+", "a", "a+"} do
          local f = io.open("hard", mode)
          if f then f:write("overwritten") f:close() end
        end
        """
    )

    assert (outside / "secret").read_text() == SECRET + "\n"


@pytest.mark.parametrize("path", ["pipe", "/dev/zero", "/dev/tty", "/dev/stdin", "/dev/fd/0", "/proc/self/mem"])
def test_special_files_do_not_hang_a_script(lua, path):
    os.mkfifo("pipe")
    said = lua(
        TRY
        + """
        local seen = {}
        for _, mode in ipairs{"r", "w", "a", "r+"} do seen[#seen + 1] = tostring(io.open(path, mode)) end
        return table.concat(seen, " ")
        """,
        path=path,
    )

    assert "nil nil nil nil" in said


def test_a_temporary_name_is_inside_the_roots(lua):
    """The temporary folder is no root of this policy, so `os.tmpname` is refused, not quietly allowed."""
    said = lua(TRY + "return try(os.tmpname)")

    assert "lua_" not in said or "allow-write" in said


def test_inside_the_root_everything_works(lua):
    said = lua(
        """
        local f = assert(io.open("new", "w")) f:write("one\\n", "two\\n") f:close()
        local n = 0 for line in io.lines("new") do n = n + 1 end
        assert(os.rename("new", "moved")) assert(os.remove("moved"))
        return n
        """
    )

    assert "2" in said
