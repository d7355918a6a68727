"""Programs, their arguments and environment variables: the rows "process exec" and "environment" of the matrix."""

from __future__ import annotations

import os

import pytest

from llmspell_tools.errors import InvalidParameters, PermissionDenied
from llmspell_tools.policy import Policy


@pytest.fixture
def root(tmp_path, monkeypatch):
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.txt").write_text("x")
    (tmp_path / "out").mkdir()
    (tmp_path / "out/secret").write_text("x")
    os.symlink(tmp_path / "out/secret", tmp_path / "in/link")
    monkeypatch.chdir(tmp_path / "in")
    return tmp_path / "in"


def standard(root, **rules):
    return Policy.from_json(
        {"ceiling": "privileged", "allow": {"read": [str(root)], "run": ["standard"]}, "deny": rules.get("deny", {})}
    )


def may_run(policy, program, *args, **kw):
    try:
        policy.check_run(program, args, "process-executor", **kw)
    except PermissionDenied:
        return False
    return True


@pytest.mark.parametrize(
    "line",
    ["echo -n ; rm -rf x $(id) `id` && >out", "cat a.txt", "cat -n a.txt", "ls", "ls -la .", "pwd", "whoami",
     "date +%Y",
     "date -u", "uname -a", "which -a ls", "test -f a.txt", "head -n 5 a.txt", "head -5 a.txt", "head -c10 a.txt",
     "tail -n +2 a.txt", "wc -l a.txt", "grep -n x a.txt", "grep -rin --include=*.txt x .", "grep -m 1 x a.txt",
     "find . -name *.txt -type f", "find . ( -name a -o -name b ) -print", "sort -n a.txt", "sort -k 2 -t , a.txt",
     "uniq -c a.txt", "cat -- a.txt", "cat -", "cat", "ls --color=auto", "find . ! -empty"],
)  # fmt: skip
def test_standard_programs_run_with_harmless_arguments(root, line):
    name, *args = line.split()

    assert may_run(standard(root), f"/usr/bin/{name}", *args)
    assert may_run(standard(root), f"/bin/{name}", *args)


@pytest.mark.parametrize(
    "line",
    ["find . -exec id ;", "find . -execdir id ;", "find . -ok id ;", "find . -delete", "find . -fprint x",
     "find . -fprintf x y", "find . -fls x", "find -L .", "find / -name x", "find . -newer /etc/passwd",
     "find . -files0-from x",
     "sort -o x a.txt", "sort -ox a.txt", "sort --output=x a.txt", "sort --out=x a.txt",
     "sort --compress-program=id a.txt",
     "sort -T /x a.txt", "sort --files0-from=/etc/passwd", "sort -no x a.txt",
     "date -s 2020-01-01", "date --set=2020", "date 010100002020", "date -f /etc/passwd", "date -r /etc/passwd",
     "uniq a.txt b.txt", "wc --files0-from=/etc/passwd", "grep -f /etc/passwd x", "grep -R x .",
     "grep -e x /etc/passwd",
     "grep -ie root /etc/passwd", "grep x /etc/passwd", "grep --file=/etc/passwd x", "grep -P -ne x /etc/passwd",
     "cat /etc/passwd", "cat ../out/secret", "cat link", "cat a.txt link", "cat -- link", "cat -n /etc/shadow",
     "head -n 1 /etc/passwd", "head -n1 /etc/passwd", "tail -f a.txt", "tail --pid=1 a.txt", "ls ..",
     "ls -L link", "ls link",
     "ls -H link", "test -f ../out/secret", "test -f link", "cat /proc/self/environ", "uname -x", "pwd x",
     "whoami --help",
     "head -n", "cat --help=x"],
)  # fmt: skip
def test_what_a_program_could_misuse_is_refused(root, line):
    name, *args = line.split()
    if line == "head -n":  # a missing value is the program's own error
        assert may_run(standard(root), "/usr/bin/head", "-n")
        return

    assert not may_run(standard(root), f"/usr/bin/{name}", *args)


@pytest.mark.parametrize(
    "program",
    ["/usr/bin/rm", "/usr/bin/curl", "/tmp/cat", "/usr/local/bin/cat", "/usr/bin/env", "/bin/sh", "/bin/../tmp/cat"],
)
def test_a_name_alone_is_no_permission(root, program):
    if ".." in program:
        with pytest.raises(InvalidParameters):
            may_run(standard(root), program)
        return

    assert not may_run(standard(root), program)


@pytest.mark.parametrize("program", ["cat", "./cat", "", "usr/bin/cat", "/usr//bin/cat"])
def test_a_program_is_named_by_its_plain_absolute_path(root, program):
    with pytest.raises(InvalidParameters):
        may_run(standard(root), program)


def test_nul_in_an_argument_is_a_caller_error(root):
    with pytest.raises(InvalidParameters):
        may_run(standard(root), "/usr/bin/echo", "a\0b")


def test_files_are_judged_from_the_folder_that_the_program_runs_in(root):
    policy = standard(root)

    assert not may_run(policy, "/usr/bin/cat", "secret", cwd=str(root / "../out"))
    assert not may_run(policy, "/usr/bin/ls", cwd="/")
    assert may_run(policy, "/usr/bin/cat", "a.txt", cwd=str(root))


def test_a_program_that_a_person_named_may_be_given_anything(root):
    policy = standard(root).with_rules(allow={"run": ["/usr/bin/find"]}, origin="command line")

    assert may_run(policy, "/usr/bin/find", "/", "-delete")
    assert not may_run(policy, "/usr/bin/sort", "-o", "x")


def test_a_name_in_a_flag_means_the_program_it_names_now(root, tmp_path, monkeypatch):
    tool = tmp_path / "bin/mytool"
    tool.parent.mkdir()
    tool.write_text("#!/bin/sh\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tool.parent))
    policy = standard(root).with_rules(allow={"run": ["mytool"]}, origin="command line")

    assert may_run(policy, str(tool), "--any")
    assert not may_run(policy, "/usr/bin/mytool")


def test_deny_run_by_name_or_path_wins(root):
    for value in ("cat", "/usr/bin/cat"):
        policy = standard(root).with_rules(allow={"run": ["*"]}, deny={"run": [value]}, origin="command line")

        assert not may_run(policy, "/usr/bin/cat", "a.txt")
        assert not may_run(policy, "/bin/cat", "a.txt")
        assert may_run(policy, "/usr/bin/ls")


def test_a_refused_argument_names_the_flag_for_the_whole_program(root):
    with pytest.raises(PermissionDenied) as caught:
        standard(root).check_run("/usr/bin/find", [".", "-delete"], "t")

    assert caught.value.details["flag"] == "--allow-run /usr/bin/find"
    assert "-delete" in caught.value.message


def env(*rules, deny=()):
    return Policy.from_json({"ceiling": "privileged", "allow": {"env": list(rules)}, "deny": {"env": list(deny)}})


def may_read(policy, name):
    try:
        policy.check_env(name, "environment-reader")
    except PermissionDenied:
        return False
    return True


@pytest.mark.parametrize(
    "name", ["PATH", "HOME", "USER", "SHELL", "TERM", "LANG", "LC_ALL", "TZ", "TMPDIR", "TEMP", "PWD"]
)
def test_harmless_variables_are_standard(name):
    assert may_read(env("standard"), name)
    assert may_read(Policy.default(), name)


SECRETS = ["DB_PASSWORD", "SECRET_X", "OPENAI_API_KEY", "GITHUB_TOKEN", "AWS_REGION", "AZURE_X", "GCP_X",
           "SSH_AUTH_SOCK",
           "API_URL", "X_PRIVATE_Y", "MY_CREDENTIALS", "OAUTH_X", "Db_Password"]  # fmt: skip


@pytest.mark.parametrize("name", SECRETS)
def test_secrets_are_read_only_by_their_exact_name(name):
    assert not may_read(env("standard", "*", name[:3] + "*"), name)
    assert may_read(env(name), name)
    assert not may_read(env(name, deny=[name.lower()]), name)


def test_wildcards_cover_the_rest():
    policy = env("APP_*", deny=["APP_X*"])

    assert [may_read(policy, name) for name in ("APP_MODE", "APP_", "APP", "OTHER", "APP_X1")] == [
        True, True, False, False, False,
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["", "A=B", "A\0B"])
def test_what_is_no_variable_name_is_a_caller_error(name):
    with pytest.raises(InvalidParameters):
        env("*").check_env(name, "t")
