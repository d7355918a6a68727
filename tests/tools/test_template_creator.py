"""template-creator: both languages, what they refuse, and what cannot be made long (`surface.md` 4.3; security, 3)."""

from __future__ import annotations

import pytest

from llmspell_tools.errors import (
    InvalidParameters,
    LimitExceeded,
    LlmspellError,
    PermissionDenied,
    ToolExecutionError,
    ToolTimeout,
)
from llmspell_tools.policy import Policy
from llmspell_tools.registry import ToolRegistry

REGISTRY = ToolRegistry(policy=Policy.default())


def answer(registry=REGISTRY, **parameters):
    return registry.invoke("template-creator", parameters).output


def rendered(template, context=None, **parameters):
    return answer(input=template, context=context or {}, **parameters)["result"]["rendered"]


def test_a_template_has_the_documented_shape():
    assert answer(input="Hello {{ name }}!", context={"name": "<Ada>"}) == {
        "operation": "render_template",
        "success": True,
        "message": "Template rendered successfully",
        "result": {"rendered": "Hello &lt;Ada&gt;!", "engine": "tera", "template_length": 17, "context_size": 1},
        "metadata": {"engine": "tera", "template_length": 17},
    }


@pytest.mark.parametrize("name", ["template_engine", "template-engine", "template_creator"])
def test_the_old_names_find_it(name):
    assert REGISTRY.get(name).name == "template-creator"


@pytest.mark.parametrize(
    ("parameters", "engine"),
    [
        ({"input": "{{#if a}}1{{/if}}"}, "handlebars"),
        ({"input": "a"}, "tera"),
        ({"input": "a", "engine": "hbs"}, "handlebars"),
        ({"input": "a", "engine": "handlebars"}, "handlebars"),
        ({"input": "a", "engine": "jinja2"}, "jinja"),
        ({"input": "{% raw %}{{#if{% endraw %}", "engine": "tera"}, "tera"),
        ({"input": "{% raw %}{{#if{% endraw %}", "auto_detect": False}, "tera"),
    ],
)
def test_the_engine_is_said_or_found(parameters, engine):
    assert answer(context={"a": True}, **parameters)["result"]["engine"] == engine


USERS = {"users": [{"name": "Ada", "age": 36}, {"name": "Bob", "age": 41}], "items": {"x": 1, "y": 2}, "html": "<b>"}


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{% for u in users %}{{ u.name }}{% if not loop.last %}, {% endif %}{% endfor %}", "Ada, Bob"),
        ("{% for k, v in items %}{{ k }}={{ v }};{% endfor %}", "x=1;y=2;"),
        ("{{ users.0.name }}{{ users[1]['age'] }}", "Ada41"),
        ("{{ html }}{{ html | safe }}", "&lt;b&gt;<b>"),
        ("{% if nothing %}a{% elif users %}b{% else %}c{% endif %}", "b"),
        ("{{ nothing | default(value='d') }}", "d"),
        ("{% if nothing is defined %}a{% else %}b{% endif %}", "b"),
        ("{% for x in users | filter(attribute='age', value=41) %}{{ x.name }}{% endfor %}", "Bob"),
        ("{{ users | map(attribute='name') | join(sep=' ') }}", "Ada Bob"),
        ("{% macro hi(n) %}hi {{ n }}{% endmacro %}{{ self::hi(n='x') }}", "hi x"),
        ("{% for i in range(end=3) %}{{ i }}{% endfor %}", "012"),
        ("{% for i in range(start=4, end=8, step_by=2) %}{{ i }}{% endfor %}", "46"),
        ("{% for i in range(5) %}{% if i == 3 %}{% break %}{% endif %}{{ i }}{% endfor %}", "012"),
        ("{% set x = 3 %}{{ x * 2 + 1 }}{{ 'a' ~ x }}", "7a3"),
        ("a\n{%- if true %} b {% endif -%}\n c\n", "a b c\n"),
        ("{# no #}{% raw %}{{ x }}{% endraw %}", "{{ x }}"),
        ("{{ 'hello world' | capitalize }}|{{ 'hello world' | title }}", "Hello world|Hello World"),
        ("{{ 1704067200 | date(format='%d.%m.%Y') }} {{ '2024-02-29' | date }}", "01.01.2024 2024-02-29"),
        ("{{ 0 | date(format='%H', timezone='Asia/Tokyo') }}", "09"),
        ("{{ items | json_encode | safe }}", '{"x":1,"y":2}'),
        ("{{ users | length }}{{ 'abc' | length }}", "23"),
        ("{{ 'Größe & Ümlaut!' | slugify }}", "grosse-umlaut"),
        ("{{ 'abcdef' | truncate(length=3) }}|{{ 'ab' | truncate(length=3) }}", "abc…|ab"),
        ("{{ 'a-b' | replace(from='-', to='+') }}", "a+b"),
        ("{{ 'a b/c' | urlencode }}|{{ 'a/b' | urlencode_strict }}", "a%20b/c|a%2Fb"),
        ("{{ 'a,b' | split(pat=',') | last }}{{ [3, 1] | sort | first }}", "b1"),
        ("{{ [1, 2, 3] | slice(start=1) | nth(n=1) }}", "3"),
        ("{{ [1] | concat(with=2) | length }}", "2"),
        ("{{ ['a', 'A', 'b'] | unique | length }}", "2"),
        ("{% for age, who in users | group_by(attribute='age') %}{{ age }}{{ who.0.name }}{% endfor %}", "36Ada41Bob"),
        ("{{ 2 | pluralize }}{{ 1 | pluralize }}", "s"),
        ("{{ 2.5 | round }}{{ 2.41 | round(method='ceil', precision=1) }}", "32.5"),
        ("{{ items | get(key='x') }}{{ items | get(key='z', default=9) }}", "19"),
        ("{{ '  x ' | trim_start }}|{{ ' x ' | trim_end }}|{{ '--x' | trim_start_matches(pat='-') }}", "x | x|x"),
        ("{{ 'it\\'s' | addslashes | safe }}{{ '<a> <b>' | spaceless | safe }}", "it\\'s<a><b>"),
        ("{% if 'abc' is starting_with('a') and 'abc' is containing('b') %}y{% endif %}", "y"),
        ("{% if 'abc' is matching('c$') and 'abc' is ending_with('c') and items is object %}y{% endif %}", "y"),
    ],
)  # fmt: skip
def test_tera_templates_are_rendered(template, expected):
    assert rendered(template, USERS) == expected


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{{ true }} {{ 1 == 2 }}", "true false"),
        ("{{ nil }}|{{ xs }}|{{ o }}", "|[a, 1, true, , [object]]|[object]"),
        ("{{ 6 / 2 }} {{ 7 / 2 }} {{ whole }} {{ huge }} {{ tiny }}", "3 3.5 2 1000000000000000000000 0.0000001"),
        ("{{ true ~ 2.0 ~ xs }}", "true2[a, 1, true, , [object]]"),
        ("{{ xs | join(sep='-') }} {{ true | as_str }}", "a-1-true--[object] true"),
        ("{{ lt ~ 1 }}{{ (lt | safe) ~ 1 }}", "&lt;1<1"),
        ("{{ [1, 2] | reverse }} {{ 'ab' | reverse }} {{ range(end=3) }}", "[2, 1] ba [0, 1, 2]"),
        ("{{ xs | slice(end=2) | reverse ~ range(end=1) }}", "[1, a][0]"),
    ],
)
def test_tera_prints_values_in_the_words_of_json(template, expected):
    """As Tera's `ValueRender`: no word of Python's in the text."""
    context = {"nil": None, "xs": ["a", 1, True, None, {}], "o": {"k": 1}, "whole": 2.0, "huge": 1e21, "tiny": 1e-7}
    context["lt"] = "<"

    assert rendered(template, context) == expected


def test_jinja_prints_values_as_jinja_does():
    assert rendered("{{ true }}{{ none }}{{ 6 / 2 }}", {}, engine="jinja") == "TrueNone3.0"


def test_jinja_prints_what_a_filter_goes_through_as_a_list():
    """Its own text would be the place in memory."""
    assert (
        rendered("{{ [1, 2] | reverse }}{{ [0, 1] | select }}{{ range(2) }}", {}, engine="jinja") == "[2, 1][1][0, 1]"
    )


def test_a_cycler_is_no_text_and_gives_its_values_one_by_one():
    assert rendered("{% set c = cycler(1, 2) %}{{ c.next() }}{{ c.next() }}{{ c.next() }}", {}, engine="jinja") == "121"
    with pytest.raises(PermissionDenied, match=r"was its next\(\) meant"):
        rendered("{{ cycler(1, 2) }}", {}, engine="jinja")


def test_a_member_comes_before_a_method_of_its_name():
    assert rendered("{{ order.items }}", {"order": {"items": 3}}) == "3"
    assert rendered("{% for k, v in d.items() %}{{ k }}{{ v }}{% endfor %}", {"d": {"a": 1}}, engine="jinja") == "a1"


def test_jinja_keeps_its_own_filters():
    assert rendered("{{ 'foo bar baz' | truncate(9, leeway=0) }}", engine="jinja") == "foo..."
    assert rendered("{{ 'a-b' | replace('-', '+') }}", engine="jinja") == "a+b"
    counting = "{% set n = namespace(x=0) %}{% for i in range(1, 4) %}{% set n.x = n.x + i %}{% endfor %}{{ n.x }}"
    assert rendered(counting, engine="jinja") == "6"


@pytest.mark.parametrize(
    ("template", "context", "expected"),
    [
        ("{{name}}", {"name": "<&\"'`=>"}, "&lt;&amp;&quot;&#x27;&#x60;&#x3D;&gt;"),
        ("{{{name}}} {{&name}}", {"name": "<&\"'`=>"}, "<&\"'`=> <&\"'`=>"),
        ("{{#each xs}}{{@index}}{{this}}{{#if @first}}F{{/if}}{{#unless @last}},{{/unless}}{{/each}}",
         {"xs": ["a", "b"]}, "0aF,1b"),
        ("{{#each o}}{{@key}}={{this}};{{/each}}", {"o": {"a": 1, "b": None}}, "a=1;b=;"),
        ("{{#each none}}x{{else}}empty{{/each}}", {"none": []}, "empty"),
        ("{{#if a}}A{{else if b}}B{{else}}C{{/if}}", {"a": 0, "b": "x"}, "B"),
        ("{{a}} {{{{raw}}}}{{#each}}\\{{a}}{{{{/raw}}}} {{a}}", {"a": 1}, "1 {{#each}}\\{{a}} 1"),
        ("{{#each xs}}{{{{raw}}}}{{x}}{{{{/raw}}}}{{/each}}", {"xs": [1, 2]}, "{{x}}{{x}}"),
        ("{{#if missing}}A{{else}}C{{/if}}{{#unless missing}}D{{/unless}}", {}, "CD"),
        ("{{#if empty}}A{{^}}B{{/if}}{{^empty}}C{{/empty}}", {"empty": []}, "BC"),
        ("{{#with p}}{{n}}{{../q}}{{@root.q}}{{/with}}", {"p": {"n": 1}, "q": 2}, "122"),
        ("{{#each a}}{{#each this}}{{../../k}}{{.}}{{/each}}{{/each}}", {"a": [[1, 2], [3]], "k": "k"}, "k1k2k3"),
        ("{{#each xs as |x i|}}{{i}}{{x.n}}{{/each}}", {"xs": [{"n": "N"}]}, "0N"),
        ("{{a.b.c}}{{a/b/c}}{{a.[x y]}}{{xs.1}}{{xs.length}}", {"a": {"b": {"c": 1}, "x y": 2}, "xs": [3, 4]}, "11242"),
        ("{{uppercase name}}{{lowercase (uppercase name)}}", {"name": "Ab"}, "ABab"),
        ("{{#if (and (gt n 1) (ne n 5))}}y{{/if}}{{lookup o 'k'}}{{len o}}", {"n": 2, "o": {"k": "v"}}, "yv1"),
        ("a  {{~ x ~}}  b {{~{x}~}} c", {"x": "-"}, "a-b-c"),
        ("\\{{raw}}{{!-- {{x}} --}}{{! no }}.", {}, "{{raw}}."),
        ("<ul>\n{{#each xs}}\n  <li>{{this}}</li>\n{{else}}\n  none\n{{/each}}\n</ul>\n", {"xs": [1, 2]},
         "<ul>\n  <li>1</li>\n  <li>2</li>\n</ul>\n"),
        ("{{t}}{{f}}{{n}}{{xs}}{{o}}{{d}}", {"t": True, "f": False, "n": None, "xs": [1, "a"], "o": {}, "d": 1.5},
         "truefalse[1, a][object]1.5"),
    ],
)  # fmt: skip
def test_handlebars_templates_are_rendered(template, context, expected):
    assert rendered(template, context, engine="handlebars") == expected


@pytest.mark.parametrize(
    ("template", "line"),
    [
        ("a\n{{missing}}", 2),
        ("{{a.b.c}}", 1),
        ("{{#each missing}}{{/each}}", 1),
        ("{{#each name}}{{/each}}", 1),
        ("{{../x}}", 1),
        ("{{> partial}}", 1),
        ("{{#> layout}}{{/layout}}", 1),
        ("{{#items}}{{/items}}", 1),
        ("{{#if a}}", 1),
        ("{{#if a}}\n{{/each}}", 2),
        ("\n\n{{/if}}", 3),
        ("{{else}}", 1),
        ("\n{{{{raw}}}}{{a}}", 2),
        ("{{{{other}}}}{{a}}{{{{/other}}}}", 1),
        ("{{", 1),
        ("{{{a}}", 1),
        ("{{}}", 1),
        ("{{uppercas name}}", 1),
        ("{{uppercase name name}}", 1),
        ("{{gt name 1}}", 1),
        ("{{uppercase (name}}", 1),
        ("{{helper key=1}}", 1),
        ("{{#if a}}{{else}}{{else}}{{/if}}", 1),
        ("{{#if a}}" * 200 + "{{/if}}" * 200, 1),
        ("{{" + "(uppercase " * 200 + "a" + ")" * 200 + "}}", 1),
    ],
)
def test_a_wrong_handlebars_template_is_refused_with_its_line(template, line):
    with pytest.raises(InvalidParameters) as caught:
        rendered(template, {"name": "n", "a": 1}, engine="handlebars")

    assert caught.value.details["line"] == line


@pytest.mark.parametrize(
    ("template", "kind"),
    [
        ("{% if %}", InvalidParameters),
        ("{{ a", InvalidParameters),
        ("{{ missing }}", InvalidParameters),
        ("{{ missing.more }}", InvalidParameters),
        ("{{ a | nofilter }}", InvalidParameters),
        ("{% include '/etc/passwd' %}", InvalidParameters),
        ("{% extends 'x' %}", InvalidParameters),
        ("{% break %}", InvalidParameters),
        ("{% import 'x' as y %}", InvalidParameters),
        ("{{ throw(message='no') }}", ToolExecutionError),
        ("{{ a + 'x' }}", ToolExecutionError),
        ("{{ 1 / 0 }}", ToolExecutionError),
        ("{{ a | nth(n='x') }}", ToolExecutionError),
    ],
)
def test_a_wrong_tera_template_is_refused(template, kind):
    with pytest.raises(kind):
        rendered(template, {"a": 1})


@pytest.mark.parametrize("engine", ["tera", "jinja"])
@pytest.mark.parametrize(
    "template",
    [
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ a.__class__ }}",
        "{{ a['__class__'] }}",
        "{{ a | attr('__class__') }}",
        "{{ a | attr('format') | attr('__globals__') }}",
        "{{ '{0.__class__}'.format(a) }}",
        "{{ ('{0.__class__}' | attr('format'))(a) }}",
        "{{ cycler.__init__.__globals__ }}",
        "{{ range.__globals__ }}",
        "{{ self.__init__.__globals__ }}",
        "{{ joiner.__init__ }}",
        "{{ namespace.__init__ }}",
        "{{ xs.append(1) }}",
        "{{ a | map(attribute='__class__') | list }}",
        "{% for x in ().__class__.__base__.__subclasses__() %}{% endfor %}",
        "{{ os.system('id') }}",
        "{{ __import__('os') }}",
        "{% set x = eval('1') %}",
    ],
)
def test_what_reaches_for_the_interpreter_is_refused(engine, template):
    found = None
    try:
        found = rendered(template, {"a": "text", "xs": [1]}, engine=engine)
    except LlmspellError as error:
        assert error.code in ("permission_denied", "validation_error", "execution_error")  # noqa: PT017

    assert found is None or "class" not in found.replace("'__class__'", "")


@pytest.mark.parametrize("template", ["{{ a | attr('format') }}", "{{ a.upper }}", "{{ cycler }}"])
def test_a_function_is_not_printed(template):
    with pytest.raises(PermissionDenied, match="function"):
        rendered(template, {"a": "text"})

    assert rendered("{{ a.upper() }}{{ missing is defined }}", {"a": "x"}) == "Xfalse"


@pytest.mark.parametrize(
    ("pattern", "error"),
    [("(", InvalidParameters), ("a{99999999999}", InvalidParameters), ("x" * 100_000, LimitExceeded)],
    ids=["unclosed", "huge repeat", "long"],
)
def test_a_wrong_expression_in_a_template_is_refused(pattern, error):
    with pytest.raises(error, match="matching"):
        rendered("{% if 'a' is matching(p) %}{% endif %}", {"p": pattern})


def test_a_plain_text_may_speak_of_anything():
    assert rendered("use system(...) and eval(x)") == "use system(...) and eval(x)"


@pytest.mark.parametrize(
    "template",
    [
        "{% for i in range(10**9) %}{% endfor %}",
        "{{ 'a' * 10**9 }}",
        "{{ [1] * 10**9 }}",
        "{{ 9**(9**9) }}",
        "{{ 'a' | center(10**10) }}",
        "{{ '%2000000000d' % 1 }}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{% for i in range(1000) %}{% for j in range(1000) %}{{ 'x' * 99 }}{% endfor %}{% endfor %}",
    ],
)
def test_what_asks_for_too_much_is_a_limit(template):
    with pytest.raises((LimitExceeded, ToolExecutionError)):
        rendered(template, engine="jinja")

    assert rendered("still {{ 1 + 1 }}") == "still 2"


@pytest.mark.parametrize(
    ("template", "engine"),
    [
        ("{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}", "tera"),
        ("{% if 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!' is matching('(a+)+$') %}{% endif %}", "tera"),
        ("{{#each xs}}{{#each ../xs}}{{#each ../../xs}}{{/each}}{{/each}}{{/each}}", "handlebars"),
    ],
)
def test_an_endless_template_ends_at_its_time(template, engine):
    registry = ToolRegistry(policy=Policy.default(), settings={"template-creator": {"timeout_s": 0.7}})

    with pytest.raises(ToolTimeout, match=r"\[tools.template_creator\] timeout_s"):
        answer(registry, input=template, context={"xs": list(range(2000))}, engine=engine)


@pytest.mark.parametrize(
    ("setting", "parameters"),
    [
        ("max_template_bytes", {"input": "x" * 50}),
        ("max_context_bytes", {"input": "x", "context": {"a": "x" * 50}}),
        ("max_output_bytes", {"input": "{% for i in range(50) %}x{% endfor %}"}),
        ("max_output_bytes", {"input": "{{#each a}}xx{{/each}}", "context": {"a": [1] * 30}}),
    ],
)
def test_more_than_a_limit_is_refused(setting, parameters):
    registry = ToolRegistry(policy=Policy.default(), settings={"template-creator": {setting: 45}})

    with pytest.raises(LimitExceeded, match=rf"\[tools.template_creator\] {setting}"):
        answer(registry, **parameters)


@pytest.mark.parametrize(
    ("name", "content"),
    [("d.json", '{"name": "x"}'), ("d.yaml", "name: x"), ("d.toml", 'name = "x"')],
)
def test_template_data_and_text_may_be_files(tmp_path, name, content):
    (tmp_path / name).write_text(content)
    (tmp_path / "t.html").write_text("{{ name }} é", encoding="utf-8")

    output = answer(
        input_file=str(tmp_path / "t.html"), context_file=str(tmp_path / name), output_file=str(tmp_path / "out")
    )

    assert (tmp_path / "out").read_text(encoding="utf-8") == "x é"
    assert "result" not in output
    assert output["metadata"]["file_size"] == 4


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({}, "input"),
        ({"input": "a", "input_file": "b"}, "input"),
        ({"input": "a", "context": "b"}, "context"),
        ({"input": "a", "context": {}, "context_file": "b"}, "context_file"),
        ({"input": "a", "engine": "mustache"}, "engine"),
        ({"input": "\ud800"}, "input"),
        ({"input": "a", "template": "b"}, "template"),
    ],
)
def test_wrong_parameters_are_refused_by_name(parameters, field):
    with pytest.raises(InvalidParameters) as caught:
        answer(**parameters)

    assert caught.value.field == field


def test_data_that_is_no_object_is_refused(tmp_path):
    (tmp_path / "d.json").write_text("[1]")
    with pytest.raises(InvalidParameters, match="object"):
        answer(input="a", context_file=str(tmp_path / "d.json"))


@pytest.mark.parametrize("parameters", [{"input_file": "/etc/passwd"}, {"input": "a", "context_file": "/etc/passwd"},
                                        {"input": "a", "output_file": "/etc/new"}])  # fmt: skip
def test_files_outside_the_policy_are_refused(parameters):
    with pytest.raises(PermissionDenied):
        answer(**parameters)
