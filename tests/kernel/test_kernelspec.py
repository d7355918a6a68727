"""Installing the kernelspec: found by Jupyter, absolute interpreter, whole or not at all."""

from __future__ import annotations

import json
import os
import sys

import pytest

from llmspell_kernel import kernelspec
from llmspell_tools.errors import ConfigurationError, InvalidParameters


def test_jupyter_finds_what_was_installed(tmp_path, monkeypatch):
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path))
    from jupyter_client.kernelspec import KernelSpecManager

    folder = kernelspec.install(user=True, name="lua-test")
    found = KernelSpecManager().get_kernel_spec("lua-test")

    assert found.resource_dir == folder == str(tmp_path / "kernels" / "lua-test")
    assert found.argv == [sys.executable, "-m", "llmspell", "kernel", "start", "-f", "{connection_file}"]
    assert os.path.isabs(found.argv[0])
    assert (found.display_name, found.language, found.interrupt_mode) == ("Lua (llmspell)", "lua", "message")


def test_the_logos_are_installed_and_are_what_their_names_say(tmp_path):
    folder = kernelspec.install(prefix=str(tmp_path))

    assert sorted(os.listdir(folder)) == ["kernel.json", "logo-32x32.png", "logo-64x64.png", "logo-svg.svg"]
    for size in (32, 64):
        with open(os.path.join(folder, f"logo-{size}x{size}.png"), "rb") as file:
            head = file.read(24)
        assert head[:8] == b"\x89PNG\r\n\x1a\n"
        assert int.from_bytes(head[16:20], "big") == int.from_bytes(head[20:24], "big") == size


def test_the_wheels_own_kernelspec_differs_only_in_the_interpreter():
    with open(os.path.join(str(kernelspec.logo_folder()), "kernel.json"), encoding="utf-8") as file:
        shipped = json.load(file)

    assert shipped == kernelspec.spec(python="python")


def test_installing_again_replaces_and_leaves_nothing_behind(tmp_path):
    first = kernelspec.install(prefix=str(tmp_path), display_name="Old")
    (tmp_path / "share/jupyter/kernels/llmspell/extra").write_text("x", encoding="utf-8")

    assert kernelspec.install(prefix=str(tmp_path)) == first
    assert os.listdir(os.path.dirname(first)) == ["llmspell"]
    with open(os.path.join(first, "kernel.json"), encoding="utf-8") as file:
        assert json.load(file)["display_name"] == "Lua (llmspell)"
    assert not os.path.exists(os.path.join(first, "extra"))


def test_uninstall_removes_it_and_says_so_when_there_is_none(tmp_path):
    kernelspec.install(prefix=str(tmp_path), name="Lua-Dev")

    folder = kernelspec.uninstall(prefix=str(tmp_path), name="Lua-Dev")

    assert folder.endswith("lua-dev")
    assert not os.path.exists(folder)
    with pytest.raises(ConfigurationError):
        kernelspec.uninstall(prefix=str(tmp_path), name="Lua-Dev")


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a b", "../x", "ü"])
def test_a_name_that_is_no_folder_name_is_refused(tmp_path, name):
    with pytest.raises(InvalidParameters):
        kernelspec.install(prefix=str(tmp_path), name=name)


def test_only_one_place_can_be_named(tmp_path):
    with pytest.raises(InvalidParameters):
        kernelspec.install(user=True, prefix=str(tmp_path))


def test_a_folder_that_cannot_be_written_is_an_error_with_a_way_out(tmp_path):
    (tmp_path / "share").write_text("a file in the way", encoding="utf-8")

    with pytest.raises(ConfigurationError, match="--user"):
        kernelspec.install(prefix=str(tmp_path))


@pytest.mark.parametrize(
    ("options", "folder"),
    [
        ({"sys_prefix": True}, os.path.join(sys.prefix, "share", "jupyter")),
        ({"prefix": "/opt/x"}, "/opt/x/share/jupyter"),
        ({"user": True}, "/data/jupyter"),
        ({}, "/data/jupyter"),
    ],
)
def test_where_the_options_point(monkeypatch, options, folder):
    monkeypatch.delenv("JUPYTER_DATA_DIR", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", "/data")

    assert kernelspec.data_folder(**options) == folder
