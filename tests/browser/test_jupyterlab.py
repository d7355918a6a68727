"""JupyterLab 4 in a real browser with our kernel: what a person does in a notebook."""

import re
from base64 import b64decode

import jupyterlab_page
import pytest

pytestmark = [
    pytest.mark.subprocess,
    pytest.mark.skipif(jupyterlab_page.missing() is not None, reason=f"browser tests: {jupyterlab_page.missing()}"),
]
# A picture of 2 x 2 pixels.
DOT = "iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAIAAAD91JpzAAAAEElEQVR42mM4oWEDRAwQCgAjDgSxRypivwAAAABJRU5ErkJggg=="


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("lab")


@pytest.fixture(scope="module")
def page(folder):
    with jupyterlab_page.lab(folder) as page:
        yield page


@pytest.fixture
def notebook(page, folder, request):
    """Open a notebook with these cells; it is closed, and its kernel shut down, at the end."""
    opened = []

    def open_notebook(*cells):
        opened.append(jupyterlab_page.Notebook.open(page, folder, list(cells), f"{request.node.name}.ipynb"))
        return opened[-1]

    yield open_notebook
    for each in opened:
        each.close()


@pytest.fixture
def expect(page):
    from playwright.sync_api import expect

    return expect


def test_cells_run_and_show_their_results(notebook, expect):
    book = notebook('x = 20\nprint("hello from Lua")', "x + 22")
    book.run(0, 1)

    expect(book.output(0)).to_have_text("hello from Lua")
    expect(book.output(1)).to_contain_text("42")
    expect(book.number(1)).to_have_text("[2]:")


def test_tab_completes_the_names_of_tools(notebook, expect, page):
    book = notebook("")
    book.click(0)
    page.keyboard.type('Tool.execute("calc')
    page.keyboard.press("Tab")

    expect(page.locator(".jp-Completer")).to_contain_text("calculator")
    page.keyboard.press("Enter")
    expect(book.cells.first).to_contain_text('Tool.execute("calculator')


def test_tab_shows_what_a_tool_takes(notebook, expect, page):
    book = notebook("")
    book.click(0)
    page.keyboard.type('Tool.execute("hash-calculator", {')
    page.keyboard.press("Tab")

    popup = page.locator(".jp-Completer")
    expect(popup).to_contain_text("operation")
    expect(popup).to_contain_text("algorithm")


def test_shift_tab_shows_a_tools_description(notebook, expect, page):
    book = notebook('Tool.execute("calculator", {input = "1"})')
    book.click(0)
    page.keyboard.press("Home")
    for _ in range(len('Tool.execute("calc')):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+Tab")

    expect(page.locator(".jp-Tooltip")).to_contain_text("calculator")
    expect(page.locator(".jp-Tooltip")).to_contain_text("input")


def test_an_endless_loop_is_interrupted_and_variables_stay(notebook, expect):
    book = notebook("kept = 7\nprint('looping') while true do end", "kept")
    book.start(0)
    expect(book.output(0)).to_contain_text("looping")
    book.press("notebook:interrupt-kernel")

    expect(book.output(0)).to_contain_text("KeyboardInterrupt")
    book.run(1)
    expect(book.output(1)).to_contain_text("7")


def test_a_restart_forgets_variables(notebook, expect, page):
    book = notebook("lost = 7", "tostring(lost)")
    book.run(0)
    book.press("notebook:restart-kernel")
    page.locator(".jp-Dialog .jp-mod-accept").click()
    expect(page.locator(".jp-Dialog")).to_have_count(0)
    book.is_idle()
    book.run(1)

    expect(book.output(1)).to_contain_text("nil")
    expect(book.number(1)).to_have_text("[1]:")


def test_a_progress_bar_moves(notebook, expect, page):
    book = notebook("local bar = display.progress(1e9)\nfor i = 1, 1e9 do if i % 1e5 == 0 then bar:update(i) end end")
    book.start(0)
    bar = book.output(0).locator("progress")
    expect(bar).to_be_visible()
    first = float(bar.get_attribute("value") or 0)

    page.wait_for_function("first => document.querySelector('.jp-OutputArea progress')?.value > first", arg=first)
    expect(bar).to_have_count(1)


def test_a_chart_is_drawn(notebook, expect):
    rows = '{{city = "Oslo", rain = 12}, {city = "Rome", rain = 3}, {city = "Lima", rain = 1}}'
    book = notebook(f'display.chart({rows}, {{title = "Rain"}})')
    book.run(0)

    expect(book.output(0).locator(".vega-embed").locator("svg, canvas").first).to_be_visible()


def test_a_picture_is_shown(notebook, expect, folder):
    (folder / "notebooks/dot.png").write_bytes(b64decode(DOT))
    book = notebook('display.image("dot.png", {width = 64})')
    book.run(0)

    picture = book.output(0).locator("img")
    expect(picture).to_be_visible()
    assert picture.evaluate("image => [image.naturalWidth, image.width]") == [2, 64]


def test_a_button_works_while_a_cell_loops(notebook, expect):
    book = notebook(
        'pressed = 0\nwidgets.button{description = "Press", on_click = function() pressed = pressed + 1 end}',
        'print("waiting") while pressed == 0 do end\nprint("pressed " .. pressed)',
    )
    book.run(0)
    book.start(1)
    expect(book.output(1)).to_contain_text("waiting")
    book.output(0).get_by_role("button", name="Press").click()

    expect(book.output(1)).to_contain_text("pressed 1")


def test_a_button_works_on_after_the_page_was_loaded_anew(notebook, expect, page):
    book = notebook(
        'pressed = 0\nwidgets.button{description = "Press", on_click = function() pressed = pressed + 1 end}', "pressed"
    )
    book.run(0)
    page.keyboard.press("Control+s")
    page.wait_for_function("() => !window.jupyterapp.shell.currentWidget.context.model.dirty")
    page.reload()
    book.is_idle(jupyterlab_page.START_S * 1_000)
    book.output(0).get_by_role("button", name="Press").click()
    book.run(1)

    expect(book.output(1)).to_contain_text("1")


def test_rows_are_shown_as_a_table(notebook, expect):
    book = notebook('{{city = "Oslo", rain = 12}, {city = "Rome", rain = 3}}')
    book.run(0)

    expect(book.output(0).locator("th")).to_have_text(["city", "rain"])
    expect(book.output(0).locator("td")).to_have_text(["Oslo", "12", "Rome", "3"])


def test_an_error_says_where(notebook, expect):
    book = notebook('io.stderr:write("careful\\n")\nlocal t = nil\nt.x = 1')
    book.run(0)

    expect(book.output(0).locator('[data-mime-type="application/vnd.jupyter.stderr"]').first).to_have_text("careful")
    expect(book.output(0)).to_contain_text(re.compile(r"In\[1\]:3: attempt to index a nil value \(local 't'\)"))


def test_a_script_asks_and_is_answered(notebook, expect, page):
    book = notebook('io.write("Your name? ")\nlocal name = io.read()\nprint("hello, " .. name)')
    book.start(0)
    field = book.output(0).locator("input.jp-Stdin-input")
    expect(field).to_be_visible()
    field.fill("Ada")
    field.press("Enter")

    expect(book.output(0)).to_contain_text("hello, Ada")


def test_the_debuggers_panel_stops_shows_and_steps(notebook, expect, page):
    book = notebook(
        "function area(w, h)\n  local product = w * h\n  return product\nend\n"
        "total = 0\nfor i = 3, 4 do\n  total = total + area(i, 2)\nend\nprint(total)"
    )
    book.debug()
    book.toggle_breakpoint(0, 2)
    expect(page.locator(".jp-DebuggerBreakpoints")).to_contain_text("2")
    calls, variables = page.locator(".jp-DebuggerCallstack"), page.locator(".jp-DebuggerVariables")
    book.start(0)

    expect(calls).to_contain_text("Cell [*]:2")
    expect(calls).to_contain_text("Cell [*]:7")
    expect(variables).to_contain_text(re.compile(r"w\W*3\W*h\W*2"))
    book.step("next")
    expect(calls).to_contain_text("Cell [*]:3")
    expect(variables).to_contain_text(re.compile(r"product\W*6"))
    book.step("stepOut")
    expect(calls).not_to_contain_text("area")
    book.step("continue")
    expect(calls).to_contain_text("Cell [*]:2")
    book.step("continue")
    expect(book.output(0)).to_have_text("14")


def test_a_step_in_the_panel_goes_into_a_python_tool_and_back(notebook, expect, page):
    book = notebook('answer = Tool.execute("calculator", {input = "6 * 7"})\nprint(answer.result.result)')
    book.debug()
    book.toggle_breakpoint(0, 1)
    expect(page.locator(".jp-DebuggerBreakpoints")).to_contain_text("1")
    calls, variables = page.locator(".jp-DebuggerCallstack"), page.locator(".jp-DebuggerVariables")
    book.start(0)
    expect(calls).to_contain_text("Cell [*]:1")
    book.step("stepIn")

    expect(calls).to_contain_text("calculator.py", timeout=20_000)  # debugpy is imported for this step
    expect(calls).to_contain_text("Cell [*]:1")
    expect(variables).to_contain_text("6 * 7")
    book.step("stepOut")
    expect(calls).not_to_contain_text("calculator.py")
    expect(calls).to_contain_text("Cell [*]")
    book.step("continue")
    expect(book.output(0)).to_contain_text("42")
