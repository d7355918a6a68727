"""The published conformance suite, jupyter_kernel_test, for what the kernel does so far: nothing of it is skipped.

Completion, pager, display data, history, inspect and clear_output belong to later features; their tests are left out
here by name, so that adding a feature means taking its name off the list.
"""

from __future__ import annotations

import pytest

jupyter_kernel_test = pytest.importorskip("jupyter_kernel_test")

from llmspell_kernel import kernelspec  # noqa: E402

pytestmark = pytest.mark.subprocess
LATER = ("completion", "pager", "display_data", "history", "inspect", "clear_output")


@pytest.fixture(scope="class", autouse=True)
def installed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("conformance")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUPYTER_PATH", str(folder / "share" / "jupyter"))
        patch.setenv("JUPYTER_RUNTIME_DIR", str(folder / "runtime"))
        patch.setenv("LLMSPELL_HOME", str(folder / "home"))
        kernelspec.install(prefix=str(folder), name="lua-conformance")
        yield


class TestConformance(jupyter_kernel_test.KernelTests):
    kernel_name = "lua-conformance"
    language_name = "lua"
    file_extension = ".lua"
    code_hello_world = "print('hello, world')"
    code_stderr = "io.stderr:write('test\\n')"
    complete_code_samples = ("x = 1", "print('hello')", "function f(x)\n  return x * 2\nend\n\n", "1 + 1", "")
    incomplete_code_samples = ("print('hello'", "function f(x)\n  x = x * 2", "for i = 1, 3 do", "x = [[long")
    invalid_code_samples = ("import = 7q", "x = = 1", "end", "'no end")
    code_generate_error = "error('on purpose')"
    code_execute_result = (
        {"code": "6 * 7", "result": "42"},
        {"code": "'a' .. 'b'", "result": '"ab"'},
        {"code": "return 1 < 2", "result": "true"},
    )
    support_iopub_welcome = True

    for name in LATER:
        locals()[f"test_{name}"] = None
