"""A project's file may only narrow the policy, until the person trusts exactly this content of it."""

from __future__ import annotations

import os
import stat

import pytest

from llmspell import assembly
from llmspell.launch import main
from llmspell.options import Options
from llmspell_tools.errors import ConfigurationError, PermissionDenied

WIDENING = [
    "[policy]\nallow_read = ['/etc']\n",
    "[policy]\nallow_net = ['10.0.0.1']\n",
    "[policy]\nroots = ['/']\n",
    "[policy.tools.file_operations]\nallow_write = ['/etc']\n",
    "[tools]\ndirectories = ['own']\n",
    "[lua]\nmodule_paths = ['/usr/share/lua']\n",
    "[tools.file_operations]\nallowed_paths = ['/etc']\n",
]


@pytest.mark.parametrize("text", WIDENING)
def test_an_untrusted_project_gives_itself_nothing(text, project, capsys):
    (project / "llmspell.toml").write_text(text)

    assert main(["tool", "list"]) == 1
    assert "`llmspell config trust`" in capsys.readouterr().err


@pytest.mark.parametrize("text", WIDENING)
def test_trust_holds_for_this_content_only(text, project, capsys):
    file = project / "llmspell.toml"
    file.write_text(text)
    (project / "own").mkdir()

    assert main(["config", "trust"]) == 0
    assert "llmspell.toml:2: " in capsys.readouterr().out
    assert main(["tool", "list"]) == 0
    file.write_text(text + "# changed\n")
    assert main(["tool", "list"]) == 1
    assert main(["config", "trust", "--forget"]) == 0
    file.write_text(text)
    assert main(["tool", "list"]) == 1


def test_the_list_is_only_the_owner_s(project, tmp_path):
    (project / "llmspell.toml").write_text(WIDENING[0])
    main(["config", "trust"])
    home = tmp_path / "home/.llmspell"

    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert stat.S_IMODE((home / "trusted.json").stat().st_mode) == 0o600
    assert os.listdir(home) == ["trusted.json"]


def test_a_broken_list_trusts_nothing(project, tmp_path):
    (project / "llmspell.toml").write_text(WIDENING[0])
    main(["config", "trust"])
    (tmp_path / "home/.llmspell/trusted.json").write_text("{")

    assert main(["tool", "list"]) == 1


def test_trust_needs_a_file_and_a_valid_one(project):
    assert main(["config", "trust"]) == 3
    (project / "llmspell.toml").write_text("[nonsense]\nx = 1\n")
    assert main(["config", "trust"]) == 1


def test_an_untrusted_project_may_narrow(project):
    (project / "llmspell.toml").write_text("[policy]\nceiling = 'safe'\ndeny_read = ['secret']\n")
    policy = assembly.registry(Options()).policy

    assert policy.ceiling == "safe"
    with pytest.raises(PermissionDenied, match=r"llmspell.toml"):
        policy.check_path("read", str(project / "secret" / "a"), "")
    policy.check_path("read", str(project / "open"), "")


def test_an_untrusted_project_cannot_raise_what_the_person_lowered(project, tmp_path):
    """A ceiling is no list: the project's higher one must not stand in the place of the person's."""
    home = tmp_path / "home/.llmspell"
    home.mkdir()
    (home / "config.toml").write_text("[policy]\nceiling = 'safe'\n[policy.approvals]\ndestructive = 'deny'\n")
    (project / "llmspell.toml").write_text(
        "[policy]\npreset = 'default'\nceiling = 'privileged'\n[policy.approvals]\ndestructive = 'allow'\n"
    )
    policy = assembly.registry(Options()).policy

    with pytest.raises(PermissionDenied):
        policy.check_level("file-operations", "write", "privileged")
    with pytest.raises(PermissionDenied):
        policy.check_annotations("file-operations", "write", {"destructive": True}, lambda _question: True)


def test_the_person_s_own_file_and_a_named_file_may_widen(project, tmp_path):
    home = tmp_path / "home/.llmspell"
    home.mkdir()
    (home / "config.toml").write_text("[policy]\nallow_read = ['/etc']\n")
    assembly.registry(Options()).policy.check_path("read", "/etc/hosts", "")
    named = tmp_path / "named.toml"
    named.write_text("[policy]\nallow_read = ['/usr']\n")

    assembly.registry(Options(config=str(named))).policy.check_path("read", "/usr/x", "")
    with pytest.raises(PermissionDenied):
        assembly.registry(Options(config=str(named))).policy.check_path("read", "/etc/hosts", "")


def test_a_link_to_the_file_is_the_same_file(project, tmp_path, monkeypatch):
    (project / "llmspell.toml").write_text(WIDENING[0])
    main(["config", "trust"])
    (tmp_path / "link").symlink_to(project)
    monkeypatch.chdir(tmp_path / "link")

    assert main(["tool", "list"]) == 0


def test_without_a_home_nothing_can_be_trusted(project, monkeypatch):
    (project / "llmspell.toml").write_text(WIDENING[0])
    monkeypatch.setattr("llmspell.places.home", lambda: None)

    with pytest.raises(ConfigurationError):
        assembly.registry(Options())
    assert main(["config", "trust"]) == 1
