"""The evaluator of Sumo Logic's query language: each construct as its page has it, and the open questions both ways."""

from __future__ import annotations

import pytest

from enricher.standins.sumo.language import QueryError, Search, parse, webhook_rows

Rows = list[dict[str, str | float | None]]


def run(query: str, *raws: str, full: bool = False, lost: bool = False, chained: bool = True) -> Rows:
    messages = [
        {"_raw": raw, "_sourceHost": f"h{n}", "_sourceCategory": "OS/Windows/Sysmon", "_messageTime": str(1_000 + n)}
        for n, raw in enumerate(raws)
    ]
    return parse(query).run(messages, full=full, lost=lost, chained=chained)


def value(expression: str, raw: str = "a=1 b=Two c= d=") -> str | float | None:
    """What an expression gives, with fields a (`1`), b (`Two`), c (empty) and no z."""
    fields = 'parse regex "a=(?<a>\\S*) b=(?<b>\\S*) c=(?<c>\\S*) d="'
    (row,) = run(f"* | {fields} | {expression} as f", raw)
    return row["f"]


# --- the scope ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scope", "finds"),
    [
        pytest.param("ALPHA", "ab", id="without case"),
        pytest.param("alpha two", "b", id="and, unwritten"),
        pytest.param("one or two", "ab", id="or"),
        pytest.param("beta or alpha one", "ac", id="and before or"),
        pytest.param("not one alpha", "b", id="not before and"),
        pytest.param("(beta or alpha) not (one or two)", "c", id="brackets"),
        pytest.param('"alpha one"', "a", id="a phrase"),
        pytest.param("alph*", "abc", id="a star"),
        pytest.param("t?o", "b", id="one character"),
        pytest.param('"alph*"', "", id="within quotes a star is none"),
        pytest.param("_sourcecategory=*SYSMON*", "abc", id="metadata, without case"),
        pytest.param('_sourceCategory="os/windows/sysmon"', "abc", id="metadata, quoted"),
        pytest.param('_sourceCategory="*sysmon*"', "", id="metadata, a quoted star is none"),
        pytest.param("_sourceHost=h1 OR _sourceHost=h2", "bc", id="metadata, two"),
        pytest.param("_sourceHost=h*\nnot _sourceHost=h0", "bc", id="over lines"),
        pytest.param("alpha // beta\n one /* two */", "a", id="comments"),
        pytest.param('"alpha // one"', "", id="no comment within quotes"),
        pytest.param("*", "abc", id="everything"),
        pytest.param("lph", "", id="no part of a term"),
    ],
)
def test_scope(scope: str, finds: str) -> None:
    found = run(scope, "a: alpha one", "b: alpha two", "c: beta alphabet")
    assert "".join(str(row["_raw"])[0] for row in found) == finds


# --- parsing --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("operator", "found"),
    [
        pytest.param('parse "<A>*</A>" as a', [{"a": "1"}, {"a": ""}], id="anchors"),
        pytest.param('parse "<*>*</" as t, a', [{"t": "A", "a": "1"}, {"t": "A", "a": ""}], id="two stars"),
        pytest.param('parse "<A>*" as a', [{"a": "1</A>"}, {"a": "</A>"}], id="a last star takes the line"),
        pytest.param('parse "<A>*</A>" as a nodrop', [{"a": "1"}, {"a": ""}, {}], id="nodrop"),
        pytest.param('parse regex "<A>(?<a>[^<]+)"', [{"a": "1"}], id="regex"),
        pytest.param('extract "<A>(?<a>[^<]+)" nodrop', [{"a": "1"}, {}, {}], id="extract"),
        pytest.param('parse regex "(?<a>\\w)>" multi', [{"a": "A"}] * 4, id="a row for each match"),
        pytest.param('parse regex "<a>(?<a>1)"', [], id="with case"),
        pytest.param('parse regex "(?i)<a>(?<a>1)"', [{"a": "1"}], id="without case"),
        pytest.param('parse regex field=_sourceHost "h(?<a>[12])"', [{"a": "1"}, {"a": "2"}], id="of a field"),
        pytest.param('parse field=_sourceHost "h*" as a', [{"a": "0"}, {"a": "1"}, {"a": "2"}], id="anchors of a field"),
    ],
)
def test_parse(operator: str, found: Rows) -> None:
    rows = run(f"* | {operator}", "<A>1</A>", "<A></A>", "none")
    assert [{name: one for name, one in row.items() if not name.startswith("_")} for row in rows] == found


CHAIN = '* | parse "a=*," as a nodrop | parse "b=*," as b'


@pytest.mark.parametrize(
    ("query", "chained", "finds"),
    [
        pytest.param(CHAIN, True, "012", id="a or b"),
        pytest.param(CHAIN, False, "12", id="read as if each stood alone"),
        pytest.param('* | parse "a=*," as a | parse "b=*," as b', True, "2", id="a and b"),
        pytest.param(f'{CHAIN} nodrop | parse "c=*," as c', True, "0123", id="a or b or c"),
        pytest.param('* | parse "a=*," as a nodrop | where true = true | parse "b=*," as b', True, "12", id="apart"),
    ],
)
def test_a_chain_with_nodrop(query: str, finds: str, *, chained: bool) -> None:
    query = query.replace("true = true", '"x" = "x"')
    rows = run(query, "a=1,", "b=1,", "a=1,b=1,", "c=1,", "none", chained=chained)
    assert "".join(str(row["_sourcehost"])[1] for row in rows) == finds


def test_what_does_not_match_leaves_what_was_parsed_before() -> None:
    rows = run('* | parse "GET * HTTP" as url nodrop | parse "POST * HTTP" as url nodrop', "GET /a HTTP", "POST /b HTTP")
    assert [row["url"] for row in rows] == ["/a", "/b"]


DOCUMENT = '{"a": "1", "n": 3, "o": {"x": "y", "a.b": true}, "l": [{"k": "v"}, 2], "z": null, "t": "{\\"i\\": \\"j\\"}"}'


@pytest.mark.parametrize(
    ("operator", "found"),
    [
        pytest.param('json "a", "n" as a, n', {"a": "1", "n": "3"}, id="keys; numbers are text"),
        pytest.param('json field=_raw "o.x" as v', {"v": "y"}, id="within"),
        pytest.param("json \"o['a.b']\" as v", {"v": "true"}, id="a key with a dot"),
        pytest.param('json "l[0].k", "l[1]" as k, two', {"k": "v", "two": "2"}, id="of a list"),
        pytest.param(
            'json "o" as o | json field=o "x" as v', {"o": '{"x":"y","a.b":true}', "v": "y"}, id="an object is JSON"
        ),
        pytest.param('json "t" as t | json field=t "i" as v', {"t": '{"i": "j"}', "v": "j"}, id="text that holds JSON"),
        pytest.param('json "a"', {"a": "1"}, id="without a name"),
        pytest.param('json "a", "none" as a, b nodrop', {"a": "1", "b": None}, id="nodrop: null"),
        pytest.param('json "A" as a nodrop', {"a": None}, id="keys match with case"),
        pytest.param('json "z" as z nodrop', {"z": None}, id="null"),
        pytest.param('json "a", "none" as a, b', None, id="one key is missing"),
        pytest.param('json "t.i" as v', None, id="no way into text"),
    ],
)
def test_json(operator: str, found: dict[str, str | None] | None) -> None:
    rows = run(f"* | {operator}", DOCUMENT)
    assert [{name: one for name, one in row.items() if not name.startswith("_")} for row in rows] == (
        [] if found is None else [found]
    )
    assert run('* | json "a"', "no JSON", '{"a": ', "[1]") == []


# --- expressions ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expression", "gives"),
    [
        ('if(a = "1", "y", "n")', "y"),
        ("if(a = 1, 1, 0)", 1.0),
        ('a == "1" ? "y" : "n"', "y"),
        ('if(a <> "1" or b != "Two", "y", "n")', "n"),
        ('if(b = "two", "y", "n")', "n"),
        ('if(a in ("1", "2"), "y", "n")', "y"),
        ('if(a in (1, 2), "y", "n")', "n"),
        ('if(num(a) in (1, 2), "y", "n")', "y"),
        ('if(a not in ("2"), "y", "n")', "y"),
        ('if(a < 10 and a >= 1, "y", "n")', "y"),
        ('if(b < 10, "y", "n")', "n"),
        ('if(not a = "2" and !(b matches "t*"), "y", "n")', "y"),
        ('if(a = "2" and a = "1" or b = "Two", "y", "n")', "y"),
        ('if(a = "2" and (a = "1" or b = "Two"), "y", "n")', "n"),
        ('if(b matches "T*", "y", "n")', "y"),
        ('if(b matches "T?o", "y", "n")', "y"),
        ('if(b matches "w", "y", "n")', "n"),
        ('if(isBlank(c), "-", c)', "-"),
        ('if(isBlank(z), "-", z)', "-"),
        ('if(isNull(c), "y", "n")', "n"),
        ('if(isNull(z), "y", "n")', "y"),
        ('if(isEmpty(c), "y", "n")', "y"),
        ('if(isEmpty(" "), "y", "n")', "n"),
        ("toLowerCase(b)", "two"),
        ("TOUPPERCASE(B)", "TWO"),
        ('concat(a, "-", b)', "1-Two"),
        ('replace(b, "Tw", "tw")', "two"),
        ("a * 2 + 1", 3.0),
        ("length(b)", 3.0),
        ("z", None),
        ("toLowerCase(z)", None),
        ('if(z = "1", "y", "n")', "n"),
        (r'"a\"b\\c"', 'a"b\\c'),
    ],
)
def test_expression(expression: str, gives: str | float | None) -> None:
    assert value(expression) == gives


@pytest.mark.parametrize(
    ("pattern", "part", "whole"),
    [
        ("/w/", True, False),
        ("/.*w.*/", True, True),
        ("/(?i)^two$/", True, True),
        ("/two/", False, False),
        (r"/T\/|\w+/", True, True),
    ],
)
def test_a_regular_expression_matches_a_part_or_the_whole(pattern: str, *, part: bool, whole: bool) -> None:
    query = f'* | parse regex "(?<b>Two)" | where b matches {pattern}'
    assert [bool(run(query, "Two", full=full)) for full in (False, True)] == [part, whole]


def test_several_where_are_one_after_another() -> None:
    query = '* | parse regex "(?<a>\\d+)" | where a > 9 | where a < 11'
    assert [row["a"] for row in run(query, "9", "10", "11", "x")] == ["10"]


# --- records --------------------------------------------------------------------------------------------------------


def test_count_by() -> None:
    query = '* | parse regex "(?<a>\\w) (?<n>\\d+)" | count, min(n) as least, max(_messageTime) as last, count_distinct(n) as d by A'
    assert run(query, "x 10", "y 7", "x 9", "none") == [
        {"a": "x", "_count": 2, "least": 9, "last": 1002, "d": 2},
        {"a": "y", "_count": 1, "least": 7, "last": 1001, "d": 1},
    ]


@pytest.mark.parametrize(("lost", "keys"), [(False, ["1", None]), (True, ["1"])])
def test_a_null_among_what_is_counted_by(*, lost: bool, keys: list[str | None]) -> None:
    assert [row["a"] for row in run('* | parse regex "(?<a>1)" nodrop | count by a', "1", "2", lost=lost)] == keys


def test_what_was_aggregated_is_filtered_sorted_and_cut() -> None:
    query = '* | parse regex "(?<a>\\w)" | count as n by a | where n > 1 | sort by n | limit 1 | fields a, n'
    assert run(query, "x", "y", "y", "z", "z", "z") == [{"a": "z", "n": 3}]
    ascending = run('* | parse regex "(?<a>\\w)" | count as n group by a | order by n asc, a', "x", "y", "y", "w")
    assert [row["a"] for row in ascending] == ["x", "w", "y"]


def test_without_messages_there_is_no_record() -> None:
    assert run("nothing | count", "a") == []
    assert parse("* | count").aggregates
    assert not parse('* | where _sourceHost = "count"').aggregates


def test_fields_lets_the_systems_own_pass() -> None:
    query = '* | parse regex "(?<a>.)(?<b>.)" | fields {}'
    assert {name for name in run(query.format("a"), "xy")[0] if name[0] != "_"} == {"a"}
    assert "_raw" in run(query.format("a"), "xy")[0]
    assert {name for name in run(query.format("- a, _raw"), "xy")[0] if name[0] != "_"} == {"b"}


def test_rows_of_a_webhook() -> None:
    found: Search = parse("* | count by _sourceHost")
    assert webhook_rows(found, [{"_sourcehost": "a", "_count": 2, "x": None}]) == [{"Host": "a", "Count": 2}]
    raw = parse("*")
    assert webhook_rows(raw, [{"_raw": "m", "_size": "1", "x": "y", "_messagetime": "5"}]) == [
        {"Message": "m", "x": "y", "Time": "5"}
    ]


# --- what is refused ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "line", "reason"),
    [
        ("*\n| eval x = 1", 2, "no operator 'eval'"),
        ("*\n| save as b", 2, "'save'"),
        ('*\n| where "a"', 2, "bool expected"),
        ('*\n| where a = "1" b', 2, "does not belong"),
        ("*\n| where a like 1", 2, "does not belong"),
        ("*\n| where a && b", 2, "no '&'"),
        ("*\n| where a = 'x'", 2, 'no "\'"'),
        ('*\n| where a not matches "x"', 2, "does not belong"),
        ("*\n| where a matches b", 2, "text in double quotes"),
        ('* | parse "<a>*"\n| count', 2, "'as' expected"),
        ('*\n| parse "a" as b', 2, "no star"),
        ('*\n| parse "a**" as b, c', 2, "side by side"),
        ('*\n| parse "a*" as b, c', 2, "1 stars and 2 names"),
        ('*\n\n| parse regex "(a)(?<b>c)"', 3, "without a name"),
        ('*\n| parse regex "a"', 2, "no field"),
        ('*\n| parse regex "(?<a>(?=b))"', 2, "regular expression"),
        ("*\n| where a matches /[/", 2, "regular expression"),
        ('*\n| parse "a=*" as a where a > 5', 2, "does not belong"),
        ('*\n| json "a", "b" as a', 2, "2 keys and 1 names"),
        ('*\n| json "a[*].b" as a', 2, "no path"),
        ("*\n| json auto", 2, "json auto"),
        ("*\n| sort by a", 2, "aggregated"),
        ("*\n| count by", 2, "name expected"),
        ("*\n| count by a, a", 2, "one name"),
        ("*\n| sum by a", 2, "sum of what"),
        ('*\n| if(a = "1", "x", 0) as b', 2, "one type"),
        ("*\n| if(a, 1) as b", 2, "two values"),
        ("*\n| md5(a) as b", 2, "no function 'md5'"),
        ("*\n| concat(a) as b", 2, "does not take 1"),
        ("*\n| toLowerCase(a)", 2, "'as' expected"),
        ("*\n|", 2, "name expected"),
        ("*\n| limit x", 2, "whole number"),
        ('a\n"b', 2, "does not end"),
        ("a\n)", 2, "never opened"),
        ("(a", 1, "does not close"),
        ("a OR", 1, "too soon"),
        ("", 1, "nothing to search"),
        ("a /* b", 1, "does not end"),
    ],
)
def test_it_says_the_line_and_why(query: str, line: int, reason: str) -> None:
    with pytest.raises(QueryError) as refused:
        parse(query)
    assert (refused.value.line, reason in refused.value.reason) == (line, True), refused.value


@pytest.mark.parametrize(
    "query",
    [
        f"{'(' * 5_000}a{')' * 5_000}",
        f"{'not ' * 5_000}a",
        f"* | where {'(' * 5_000}a = 1{')' * 5_000}",
        f"* | where {'!' * 5_000}(a = 1)",
        f"* | where {'not ' * 5_000}(a = 1)",
        f"* | {'if(a = 1, ' * 5_000}1{', 2)' * 5_000} as f",
        f"* {'| where a = 1 ' * 1_000}",
        "a" * 70_000,
        "a*" * 30_000,
        f'* | json "{"a." * 1_000}a"',
    ],
)
def test_what_is_too_deep_or_too_long_is_refused(query: str) -> None:
    with pytest.raises(QueryError):
        parse(query)


def test_a_costly_expression_takes_no_time_to_speak_of() -> None:
    raw = "a" * 200_000
    assert run('* | parse regex "(?<x>(?:a+)+)b"', raw) == []
    assert run("* | where _raw matches /(?:a*)*b/", raw, full=True) == []
    assert run(f'* | where _raw matches "{"*a" * 20}b"', raw[:20_000]) == []


def test_json_that_is_too_deep_is_no_json() -> None:
    assert run('* | json "a"', "[" * 100_000, '{"a":' * 100_000) == []
