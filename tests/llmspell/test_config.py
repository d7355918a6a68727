"""Configuration: discovery, precedence, checks with file and line, origins."""

from __future__ import annotations

import json

import pytest

from llmspell import places
from llmspell.config.document import default_document
from llmspell.config.environment import read_environment, variable_of
from llmspell.config.files import read_file
from llmspell.config.keys import known_keys
from llmspell.config.lines import key_lines
from llmspell.config.settings import load
from llmspell.launch import main
from llmspell.options import Options
from llmspell_tools.errors import ConfigurationError


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("name", places.PROJECT_FILES)
def test_a_project_file_is_found_from_below(project, name, monkeypatch):
    path = write(project / name, "")
    (project / "a" / "b").mkdir(parents=True)
    monkeypatch.chdir(project / "a" / "b")

    assert path == places.project_config()


def test_the_search_ends_at_the_repository(project):
    write(project.parent / "llmspell.toml", "")

    assert places.project_config() is None


def test_without_a_repository_only_the_current_folder_counts(project, monkeypatch):
    (project / ".git").rmdir()
    (project / "sub").mkdir()
    path = write(project / "llmspell.toml", "")

    assert path == places.project_config()
    monkeypatch.chdir(project / "sub")
    assert places.project_config() is None


def test_the_first_name_wins(project):
    write(project / ".llmspell.toml", "")
    path = write(project / "llmspell.toml", "")

    assert path == places.project_config()


def test_no_home_is_no_problem(monkeypatch):
    monkeypatch.setenv("HOME", "")
    monkeypatch.setattr("os.path.expanduser", lambda path: path)

    assert (places.home(), places.user_config()) == (None, None)


def test_each_layer_beats_the_one_below(project, tmp_path, monkeypatch):
    """flag > environment > project file > user file > default, the order of the design."""
    user = write(tmp_path / "home/.llmspell/config.toml", "[lua]\nmax_open_files = 1\nmax_source_bytes = 1\n")
    assert load(Options()).get("lua.max_open_files") == 1
    file = write(project / "llmspell.toml", "[lua]\nmax_open_files = 2\n\n[logging]\nlevel = 'info'\n")
    settings = load(Options())
    assert (settings.get("lua.max_open_files"), settings.origin("lua.max_open_files")) == (2, f"{file}:2")
    assert (settings.get("lua.max_source_bytes"), settings.origin("lua.max_source_bytes")) == (1, f"{user}:3")
    monkeypatch.setenv("LLMSPELL_LUA_MAX_OPEN_FILES", "3")
    settings = load(Options(profile="development"))

    assert (settings.get("lua.max_open_files"), settings.origin("lua.max_open_files")) == (
        3,
        "LLMSPELL_LUA_MAX_OPEN_FILES",
    )
    assert (settings.get("logging.level"), settings.origin("logging.level")) == ("debug", "--profile development")
    assert settings.origin("lua.max_memory_bytes") == "default"


@pytest.mark.parametrize("way", ["flag", "variable"])
def test_a_file_that_is_named_is_read_in_place_of_the_others(way, project, tmp_path, monkeypatch):
    write(tmp_path / "home/.llmspell/config.toml", "[lua]\nmax_open_files = 1\n")
    write(project / "llmspell.toml", "[lua]\nmax_open_files = 2\n")
    own = write(tmp_path / "own.toml", "[lua]\nmax_source_bytes = 9\n")
    if way == "variable":
        monkeypatch.setenv("LLMSPELL_CONFIG", own)
    settings = load(Options(config=own if way == "flag" else None))

    assert (settings.get("lua.max_source_bytes"), settings.get("lua.max_open_files")) == (9, 100)
    assert settings.files == [own]


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("[lua]\nmax_opne_files = 1\n", 2, "unknown key 'lua.max_opne_files'; did you mean 'lua.max_open_files'?"),
        ("# note\n\n[luaa]\nmax_open_files = 1\n", 4, "unknown key 'luaa.max_open_files'"),
        ("[lua]\nmax_open_files = 'ten'\n", 2, "an integer is wanted, not 'ten'"),
        ("[lua]\nmax_open_files = true\n", 2, "an integer is wanted"),
        ("[lua]\nmax_open_files = -1\n", 2, "a number of at least 0 is wanted"),
        ("[policy]\nceiling = 'high'\n", 2, "one of safe, restricted, privileged is wanted"),
        ("[policy]\ndeny_read = 'x'\n", 2, "an array of strings is wanted"),
        ("lua.max_open_files = 1\nlua.x = 2\n", 2, "unknown key 'lua.x'"),
        ("lua = {x = 2}\n", 1, "unknown key 'lua.x'"),
        ("[tools.calculator]\nmax_charz = 2\n", 2, "did you mean 'tools.calculator.max_chars'?"),
        ("a = [\n 1,\n]\n[lua]\nx = 1\n", 1, "unknown key 'a'"),
        ("[lua]\nx = \n", 2, "invalid value"),
        ("[lua\n", 1, "expected"),
    ],
)
def test_what_is_wrong_in_a_file_is_named_with_its_line(text, line, says, project):
    path = write(project / "llmspell.toml", text)

    with pytest.raises(ConfigurationError) as caught:
        load(Options())
    assert caught.value.message.startswith(f"{path}:{line}: ")
    assert says.lower() in caught.value.message.lower()


@pytest.mark.parametrize("content", [b"\xff\xfe", b"[lua]\nx = '\xff'\n", b"x" * 1_100_000, b"[" * 100_000])
def test_a_file_that_is_no_toml_is_an_error(content, project):
    (project / "llmspell.toml").write_bytes(content)

    with pytest.raises(ConfigurationError, match=r"llmspell\.toml"):
        load(Options())


def test_a_file_that_is_not_there_is_an_error():
    with pytest.raises(ConfigurationError, match=r"cannot read configuration file 'none\.toml': No such file"):
        load(Options(config="none.toml"))


def test_keys_of_the_original_warn_or_map(project):
    path = write(
        project / "llmspell.toml",
        "default_engine = 'lua'\n[engines.lua]\nmax_memory_bytes = 5\ntimeout_ms = 2500\nstdlib = 'All'\n"
        "[providers.openai]\nkey = 'x'\n[tools.file_operations]\nmax_file_size = 7\n",
    )
    settings = load(Options())

    assert (settings.get("lua.max_memory_bytes"), settings.get("lua.timeout_seconds")) == (5, 2.5)
    assert settings.tool_settings() == {"file-operations": {"max_file_bytes": 7}}
    assert [f"{path}:5", f"{path}:7"] == [warning.split(": ")[0] for warning in settings.warnings]


def test_relative_folders_start_at_the_file_s_project(project, tmp_path):
    write(tmp_path / "home/.llmspell/config.toml", "[tools]\ndirectories = ['own', '/abs', '~/x']\n")

    home = tmp_path / "home"
    assert load(Options()).paths("tools.directories") == [f"{home}/.llmspell/own", "/abs", f"{home}/x"]


def test_a_variable_of_the_wrong_type_is_named():
    with pytest.raises(ConfigurationError, match="LLMSPELL_LUA_MAX_OPEN_FILES: an integer is wanted, not 'many'"):
        read_environment({"LLMSPELL_LUA_MAX_OPEN_FILES": "many"})


def test_variables_read_as_their_keys_want():
    found = read_environment(
        {
            "LLMSPELL_POLICY_DENY_NET": "a.example, b.example",
            "LLMSPELL_LUA_TIMEOUT_SECONDS": "0.5",
            "LLMSPELL_HOME": "/x",
            "OTHER": "1",
        }
    )

    assert {path: value for path, (value, _) in found.items()} == {
        "policy.deny_net": ["a.example", "b.example"],
        "lua.timeout_seconds": 0.5,
    }


def test_no_two_keys_have_the_same_variable():
    names = [variable_of(path) for path, key in known_keys().items() if key.means is None]

    assert len(names) == len(set(names))


def test_the_document_of_all_keys_is_valid_with_and_without_its_comment_marks(project):
    path = write(project / "all.toml", default_document())
    assert (read_file(path).errors, read_file(path).values) == ([], {})
    bare = "\n".join(line.removeprefix("# ") if " = " in line else line for line in default_document().splitlines())
    found = read_file(write(project / "bare.toml", bare))

    assert found.errors == []
    assert len(found.values) > 20


def test_lines_are_found_past_strings_and_arrays_of_many_lines():
    text = 'a = """\nb = 1\n"""\nc = [\n  1,\n  "]",\n]\nd.e = 2\n[t . "u"]\nf = 3 # [x]\n[[g]]\nh = 1\n'

    assert key_lines(text) == {"a": 1, "c": 4, "d.e": 8, "t.u": 9, "t.u.f": 10, "g": 11, "g.h": 12}


@pytest.mark.parametrize("name", ["ollama", "full-local-ollama", "developement"])
def test_a_profile_that_does_not_exist_says_what_there_is(name, capsys):
    assert main(["-p", name, "tool", "list"]) == 2

    assert "default, development, minimal" in capsys.readouterr().err


def test_config_show_prints_origins(project, capsys):
    path = write(project / "llmspell.toml", "[lua]\nmax_open_files = 2\n")

    assert main(["config", "show", "lua", "--origin"]) == 0
    out = capsys.readouterr().out
    assert f"max_open_files = 2  # {path}:2\n" in out
    assert "timeout_seconds = 0  # default\n" in out
    assert main(["config", "show", "--format", "json", "--origin"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["lua"]["max_open_files"] == {"value": 2, "origin": f"{path}:2"}


def test_what_config_show_prints_is_a_configuration_file(project, capsys):
    assert main(["config", "show"]) == 0
    path = write(project / "shown.toml", capsys.readouterr().out)

    assert main(["config", "validate", "-f", path]) == 0


def test_config_show_of_no_section_names_the_sections(capsys):
    assert main(["config", "show", "luaa"]) == 2

    assert "did you mean 'lua'?" in capsys.readouterr().err


@pytest.mark.parametrize("section", ["rag", "providers", "engines", "runtime", "tools"])
def test_sections_of_the_original_can_be_shown(section):
    assert main(["config", "show", section]) == 0


def test_config_init_writes_once(project, capsys):
    assert main(["config", "init"]) == 0
    assert (project / "llmspell.toml").stat().st_size > 500
    assert main(["config", "init"]) == 1
    assert "--force" in capsys.readouterr().err
    assert main(["config", "init", "-o", "llmspell.toml", "-f"]) == 0
    assert main(["config", "init", "-o", "no/such/folder.toml"]) == 1


def test_config_validate_reports_as_json(project, capsys):
    path = write(project / "llmspell.toml", "[lua]\nx = 1\ny = 2\n[rag]\nz = 1\n")

    assert main(["config", "validate", "--output", "json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert (report["valid"], report["path"], len(report["errors"]), len(report["warnings"])) == (False, path, 2, 1)
    write(project / "llmspell.toml", "")
    assert main(["config", "validate", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"valid": True, "path": path, "warnings": [], "errors": []}


def test_config_validate_reports_as_text(project, capsys):
    assert main(["config", "validate"]) == 1
    assert "no configuration file found" in capsys.readouterr().out
    path = write(project / "llmspell.toml", "[rag]\nz = 1\n[policy]\nallow_read = ['/etc']\n")
    assert main(["config", "validate"]) == 0
    out = capsys.readouterr().out
    assert f"warning: {path}:2: 'rag.z' is a key of the original" in out
    assert f"warning: {path}:4: 'policy.allow_read' gives more rights" in out
    assert f"{path}: valid" in out
    assert main(["config", "validate", "missing.toml"]) == 1
    assert "error: cannot read" in capsys.readouterr().out


def test_a_warning_is_printed_and_the_command_runs(project, capsys):
    write(project / "llmspell.toml", "[rag]\nz = 1\n")

    assert main(["tool", "list"]) == 0
    printed = capsys.readouterr()
    assert printed.err.startswith("Warning: ")
    assert "calculator" in printed.out


@pytest.mark.parametrize(
    ("named", "hint"), [("none.toml", ""), ("none.json", ""), ("strct", "; did you mean 'strict'?")]
)
def test_a_policy_that_is_neither_file_nor_preset_is_a_wrong_command_line(named, hint, capsys):
    assert main(["tool", "invoke", "calculator", "input=1", "--policy", named]) == 2
    assert capsys.readouterr().err == (
        f"Error: there is no policy file '{named}'; --policy takes a file or strict{hint}\n"
    )


@pytest.mark.parametrize("command", [["tool", "list"], ["exec", "1"], ["config", "show"]])
def test_a_configuration_file_that_is_not_there_is_a_wrong_command_line(command, capsys):
    assert main([*command, "-c", "none.toml"]) == 2
    assert "cannot read configuration file 'none.toml': No such file" in capsys.readouterr().err


def test_what_is_no_toml_is_called_so(project, capsys):
    path = write(project / "llmspell.toml", "[lua]\ntimeout_seconds =\n")

    assert main(["tool", "list"]) == 1
    assert capsys.readouterr().err == f"Error: {path}:2: not valid TOML: invalid value\n"


def test_config_show_gives_no_origin_to_what_is_not_set(capsys):
    assert main(["config", "show", "policy", "--origin"]) == 0
    assert "# roots is not set\n" in capsys.readouterr().out


def test_a_wrong_file_stops_every_command(project, capsys):
    write(project / "llmspell.toml", "[lua]\nx = 1\ny = 2\n")

    assert main(["tool", "list"]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "llmspell.toml:2: unknown key 'lua.x'" in printed.err
    assert "and 1 more" in printed.err
