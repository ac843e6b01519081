"""Endpoints of the type http: what is sent, what is read, and what goes wrong."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

import pytest
from aiohttp import web

from gitexp.errors import InvalidInput, NotFound
from gitexp.evaluation.answers import Usage
from tests.evaluation.systems import Asker, Handler, asked, at, failed, failure, run, serving

ASK = {"type": "http", "url": "BASE/ask", "json": {"q": "{{ input }}"}}


def answering(value: Any, **options: Any) -> Handler:
    async def handler(request: web.Request) -> web.Response:
        await request.read()
        return web.json_response(value, **options)

    return handler


def replying(data: bytes, **headers: str) -> Handler:
    async def handler(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(body=data, headers={k.replace("_", "-"): v for k, v in headers.items()})

    return handler


async def echo(request: web.Request) -> web.Response:
    """Answer with what was asked."""
    names = ("Content-Type", "Accept", "User-Agent", "X-Key", "X-N", "traceparent", "Cookie")
    return web.json_response(
        {
            "method": request.method,
            "path": request.raw_path,
            "headers": {n: request.headers[n] for n in names if n in request.headers},
            "body": (await request.read()).decode(),
        },
        headers={"Set-Cookie": "seen=yes"},
    )


def sent(data: Mapping[str, Any], given: Any = "hi", **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = asked(data, echo, given, **more).output
    return found


# --- what is sent ----------------------------------------------------------------------------


def test_json_keeps_the_types_of_values() -> None:
    body = {"q": "{{ input }}", "n": "{{ parameters.n }}", "text": "n={{ parameters.n }}", "k": [1]}
    found = sent({**ASK, "json": body}, {"a": [1, 2.5, None]}, asker=Asker(parameters={"n": 3}))
    assert (found["method"], found["path"]) == ("POST", "/ask")
    assert found["headers"]["Content-Type"] == "application/json"
    assert json.loads(found["body"]) == {
        "q": {"a": [1, 2.5, None]}, "n": 3, "text": "n=3", "k": [1]
    }  # fmt: skip


def test_the_whole_body_may_be_one_value() -> None:
    assert json.loads(sent({**ASK, "json": "{{ input }}"}, [1])["body"]) == [1]


def test_a_form_is_sent_encoded() -> None:
    data = {"type": "http", "url": "BASE/", "form": {"q": "{{ input }}", "n": 1, "no": "{{ seed }}",
            "many": ["a", "b&"], "yes": True}}  # fmt: skip
    found = sent(data, "ä &=")
    assert found["headers"]["Content-Type"] == "application/x-www-form-urlencoded"
    assert found["body"] == "q=%C3%A4%20%26%3D&n=1&many=a&many=b%26&yes=true"


def test_a_body_is_sent_as_text() -> None:
    data = {"type": "http", "url": "BASE/", "method": "PUT", "body": "<q>{{ input | e }}</q>",
            "headers": {"content-type": "text/xml"}}  # fmt: skip
    found = sent(data, "<ä>")
    assert (found["method"], found["body"]) == ("PUT", "<q>&lt;ä&gt;</q>")
    assert found["headers"]["Content-Type"] == "text/xml"


def test_without_a_body_it_is_a_get_request_with_a_query() -> None:
    query = {"q": "{{ input }}", "n": 2, "no": "{{ seed }}", "many": ["x", "y"]}
    data = {"type": "http", "url": "BASE/find?a=1#part", "query": query}
    found = sent(data, "a b/&?=ä")
    assert (found["method"], found["body"]) == ("GET", "")
    assert found["path"] == "/find?a=1&q=a%20b/%26?%3D%C3%A4&n=2&many=x&many=y"


def test_a_query_that_cannot_be_written_is_an_error() -> None:
    data = {"type": "http", "url": "BASE/ask", "query": {"n": "{{ input | float }}"}}
    exc = failed(data, echo, "1e999")
    assert str(exc).startswith("endpoint 'bot': url: its query: Out of range float values")
    assert exc.kind == "Template"


def test_headers_are_templates() -> None:
    data = {**ASK, "headers": {"X-Key": "Bearer {{ secrets.key }}", "X-N": "{{ repeat }}",
            "Accept": "{{ seed }}"}}  # fmt: skip
    asker = Asker(secrets={"key": "BOT_KEY"}, environ={"BOT_KEY": "s3cret"})
    headers = sent(data, asker=asker, repeat=2)["headers"]
    assert (headers["X-Key"], headers["X-N"], headers["Accept"]) == ("Bearer s3cret", "2", "*/*")
    assert headers["User-Agent"].startswith("gitexp/")


def test_a_traced_call_says_so() -> None:
    fields = {"trace_id": "a" * 32, "span_id": "b" * 16}
    found = sent(ASK, **fields)
    assert found["headers"]["traceparent"] == f"00-{'a' * 32}-{'b' * 16}-01"
    assert "traceparent" not in sent(ASK)["headers"]


def test_no_cookie_goes_from_one_sample_to_the_next() -> None:
    async def main() -> list[Any]:
        async with serving(echo) as base, Asker().opened(at(ASK, base)) as caller:
            return [(await caller.call(Asker().asking())).output["headers"] for _ in range(2)]

    assert all("Cookie" not in headers for headers in run(main()))


def test_connections_are_kept_open() -> None:
    ports = set()

    async def handler(request: web.Request) -> web.Response:
        assert request.transport is not None
        ports.add(request.transport.get_extra_info("peername")[1])
        return web.json_response(1)

    async def main() -> None:
        async with serving(handler) as base, Asker().opened(at(ASK, base)) as caller:
            for _ in range(5):
                await caller.call(Asker().asking())

    run(main())
    assert len(ports) == 1


# --- data is data ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "cell", ["{{ 7 * 7 }}", "file:///etc/passwd", "{{ secrets.key }}", "=1+1", "\x1b[31m", "\x00"]
)
def test_a_hostile_cell_arrives_as_it_is(cell: str) -> None:
    assert json.loads(sent(ASK, cell)["body"]) == {"q": cell}


def test_a_large_cell_arrives_as_it_is() -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.json_response(len((await request.json())["q"]))

    assert asked(ASK, handler, "x" * (10 * 2**20)).output == 10 * 2**20


def test_data_stays_in_its_place_of_an_address() -> None:
    data = {"type": "http", "url": "{{ parameters.base }}/items/{{ input }}?n={{ input }}"}

    async def main() -> Any:
        async with serving(echo) as base:
            return (await Asker(parameters={"base": base}).ask(data, "a/../b?c#d&e @")).output

    path = "/items/a%2F..%2Fb%3Fc%23d&e%20@?n=a/../b?c%23d%26e%20@"
    assert run(main())["path"] == path


@pytest.mark.parametrize(
    ("url", "given", "message"),
    [
        ("http://{{ input }}/x", "evil.test", "data names the host; only parameters may"),
        ("{{ input }}", "http://evil.test/", "data names the host; only parameters may"),
        ("http://a.test{{ input }}/x", "@evil.test", "data names the host; only parameters may"),
        ("http://a.test:{{ input }}/x", "80", "data names the host; only parameters may"),
        ("http://a.test/x/{{ input }}", "..", "data makes the path climb with . or .."),
        ("http://a.test/x/{{ input }}/y", ".", "data makes the path climb with . or .."),
        ("http://a.test/x/.{{ input }}/y", ".", "data makes the path climb with . or .."),
        ("ftp://a.test/x", "", "it does not begin with http:// or https:// and a host"),
        ("/x", "", "it does not begin with http:// or https:// and a host"),
        ("http://[a/", "", "Invalid IPv6 URL"),
    ],
)
def test_an_address_that_data_would_change_is_refused(url: str, given: str, message: str) -> None:
    exc = run(failure(Asker().ask({"type": "http", "url": url}, given)))
    assert (str(exc), exc.kind) == (f"endpoint 'bot': url: {message}", "Template")


@pytest.mark.parametrize("value", ["a\nb", "a\r\nX-Evil: 1", "\x00"])
def test_data_adds_no_header(value: str) -> None:
    exc = failed({**ASK, "headers": {"X-N": "{{ input }}"}}, echo, value)
    assert (str(exc), exc.kind) == (
        "endpoint 'bot': headers.X-N: it holds a line feed or another control character", "Template"
    )  # fmt: skip


def test_what_a_template_misses_is_named() -> None:
    exc = failed({**ASK, "json": {"q": ["{{ input.txt }}"]}}, echo, {"text": 1})
    assert str(exc) == 'endpoint \'bot\': json.q[0]: there is no "txt"; did you mean "text"?'


# --- what is read ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("response", "output"),
    [
        ({}, {"a": {"b": [1, {"c": None}]}, "x/y": 2}),
        ({"extract": "a.b[0]"}, 1),
        ({"extract": "/a/b/1/c"}, None),
        ({"extract": "/x~1y"}, 2),
        ({"extract": "a.b[1].c"}, None),
        ({"extract": "length(a.b)"}, 2),
        ({"extract": "{n: a.b[0]}"}, {"n": 1}),
        ({"format": "text"}, '{"a": {"b": [1, {"c": null}]}, "x/y": 2}'),
    ],
)
def test_the_output_is_what_is_extracted(response: Any, output: Any) -> None:
    value = {"a": {"b": [1, {"c": None}]}, "x/y": 2}
    assert asked({**ASK, "response": response}, answering(value)).output == output


@pytest.mark.parametrize("extract", ["a.c", "/a/c", "/b/2", "/b/-1", "/b/01", "a[0]", "c || d"])
def test_nothing_where_the_output_should_be_is_an_error(extract: str) -> None:
    exc = failed({**ASK, "response": {"extract": extract}}, answering({"a": {}, "b": [1]}))
    assert str(exc) == (
        f'endpoint \'bot\': nothing stands at "{extract}" in the answer {{"a": {{}}, "b": [1]}}'
    )
    assert (exc.kind, exc.retryable) == ("BadResponse", False)


def test_usage_is_read_and_priced() -> None:
    usage = {"input_tokens": "u.in", "output_tokens": "/u/out"}
    data = {**ASK, "response": {"extract": "o", "usage": usage},
            "price": {"input_per_million": 2, "output_per_million": 10}}  # fmt: skip
    answer = asked(data, answering({"o": 1, "u": {"in": 1000, "out": 100}}))
    assert answer.usage == Usage(input_tokens=1000, output_tokens=100, cost=0.003)
    answer = asked(data, answering({"o": 1}))
    assert answer.usage == Usage()
    data = {**ASK, "response": {"usage": {"cost": "c"}}, "price": data["price"]}
    assert asked(data, answering({"c": 0.5})).usage == Usage(cost=0.5)


@pytest.mark.parametrize("extract", ["out[::0]", "ceil(out)"])
def test_a_path_that_breaks_on_an_answer_is_an_error(extract: str) -> None:
    data = {**ASK, "response": {"extract": extract}}
    exc = failed(data, replying(b'{"out": 1e999}' if "ceil" in extract else b'{"out": [1]}'))
    assert str(exc).startswith(f"endpoint 'bot': \"{extract}\" cannot be followed: ")
    assert exc.kind == "BadResponse"


@pytest.mark.parametrize("number", ["-1", "1e300", "1" + "0" * 400, "true"])
def test_usage_that_cannot_be_is_not_believed(number: str) -> None:
    usage = {"input_tokens": "n", "cost": "n"}
    data = {**ASK, "response": {"extract": "out", "usage": usage}}
    answer = asked(data, replying(f'{{"out": 1, "n": {number}}}'.encode()))
    assert answer.usage == Usage()


@pytest.mark.parametrize(
    ("data", "headers", "message"),
    [
        (b"", {}, "the answer is no JSON: Expecting value: line 1 column 1 (char 0): it is empty"),
        (b"<p>", {}, 'the answer is no JSON: Expecting value: line 1 column 1 (char 0): "<p>"'),
        (b"[NaN]", {}, 'the answer is no JSON: NaN is no JSON: "[NaN]"'),
        (b"[" * 200_000 + b"]" * 200_000, {}, "the answer is no JSON: it is nested too deep"),
        (b"[" * 70 + b"]" * 70, {}, "the output cannot be used: "),
        (b'"\xff"', {}, "the answer is no text in UTF-8: 'utf-8' codec can't decode"),
        (b'"\\ud800"', {}, "the output cannot be used: "),
        (b'"\xff"', {"Content_Type": "text/plain; charset=nope"}, "the answer is no text in nope"),
        (b'"\xff"', {"Content_Type": "text/plain; charset=hex"}, "the answer is no text in hex"),
        (b"a", {"Content_Type": "text/plain; charset=undefined"}, "the answer is no text in undef"),
        (b"a-" * 10**6, {"Content_Type": "a/b; charset=punycode"}, "the answer is no text in puny"),
        (b"9" * 5000, {}, "the answer is no JSON: Exceeds the limit"),
    ],
)
def test_an_answer_that_cannot_be_read_is_an_error(
    data: bytes, headers: dict[str, str], message: str
) -> None:
    exc = failed(ASK, replying(data, **headers))
    assert str(exc).startswith(f"endpoint 'bot': {message}")
    assert (exc.kind, exc.retryable) == ("BadResponse", False)


def test_text_is_decoded_as_its_header_says() -> None:
    data = {**ASK, "response": {"format": "text"}}
    handler = replying("ä".encode("latin-1"), Content_Type="text/plain; charset=latin-1")
    assert asked(data, handler).output == "ä"
    assert asked(data, replying("\ufeffä".encode())).output == "ä"
    assert asked(ASK, replying(b"\xef\xbb\xbf[1]")).output == [1]


def test_a_compressed_answer_is_read() -> None:
    async def handler(request: web.Request) -> web.Response:
        response = web.json_response("x" * 5000)
        response.enable_compression(web.ContentCoding.gzip)
        return response

    assert asked(ASK, handler).output == "x" * 5000


@pytest.mark.parametrize("way", ["length", "chunked", "compressed"])
def test_an_answer_that_is_too_large_is_not_read(way: str) -> None:
    async def handler(request: web.Request) -> web.Response:
        response = web.Response(body=b'"' + b"x" * 5_000_000 + b'"')
        if way == "chunked":
            response.enable_chunked_encoding()
        if way == "compressed":
            response.enable_compression(web.ContentCoding.gzip)
        return response

    exc = failed({**ASK, "response": {"max_bytes": 10_000}}, handler)
    assert str(exc) == "endpoint 'bot': the answer has more than 10000 bytes"
    assert exc.kind == "BadResponse"


def test_a_trace_is_told_what_was_done() -> None:
    attributes = asked(ASK, answering(1)).attributes
    assert attributes["http.request.method"] == "POST"
    assert attributes["http.response.status_code"] == 200
    assert attributes["server.address"] == "127.0.0.1"


# --- statuses --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "retryable"),
    [(400, False), (401, False), (404, False), (408, True), (409, True), (418, False),
     (425, True), (429, True), (500, True), (503, True), (529, True)],
)  # fmt: skip
def test_a_status_that_is_no_answer_is_an_error(status: int, retryable: bool) -> None:
    exc = failed(ASK, answering({"why": "no"}, status=status))
    assert str(exc).startswith(f"endpoint 'bot': HTTP {status}")
    assert str(exc).endswith(': "{\\"why\\": \\"no\\"}"')
    assert (exc.kind, exc.retryable) == (f"HTTP {status}", retryable)


def test_which_statuses_are_answers_may_be_said() -> None:
    data = {**ASK, "response": {"status": [200, 404]}}
    assert asked(data, answering({"found": False}, status=404)).output == {"found": False}
    assert failed(data, answering(1, status=201)).kind == "HTTP 201"


def test_which_statuses_are_tried_again_may_be_said() -> None:
    data = {**ASK, "retry": {"statuses": [404]}}
    assert failed(data, answering(1, status=404)).retryable
    assert not failed(data, answering(1, status=503)).retryable


class Noon:
    def now(self) -> datetime:
        return datetime(2026, 11, 21, 12, tzinfo=timezone.utc)

    def monotonic(self) -> float:
        return 0.0


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "0.5"}, 0.5),
        ({"Retry-After": "Sat, 21 Nov 2026 12:00:09 GMT"}, 9.0),
        ({"Retry-After": "Sat, 21 Nov 2026 11:00:00 GMT"}, 0.0),
        ({"Retry-After": "Sat, 21 Nov 2026 12:00:09 GMT", "Date": "Sat, 21 Nov 2026 12:00:04 GMT"},
         5.0),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": f"Sat, 21 Nov 2026 12:00:09 +{'9' * 20}"}, None),
        ({"Retry-After": "-1"}, None),
        ({"Retry-After": "inf"}, None),
        ({"Retry-After": "9", "retry-after-ms": "1500"}, 1.5),
        ({}, None),
    ],
)  # fmt: skip
def test_what_a_system_asks_to_wait_is_told(headers: dict[str, str], seconds: float | None) -> None:
    from gitexp.evaluation.endpoints.waiting import retry_after

    assert retry_after({**headers}, Noon()) == seconds


def test_retry_after_comes_with_the_error() -> None:
    exc = failed(ASK, answering(1, status=429, headers={"Retry-After": "3"}))
    assert exc.retry_after == 3.0


# --- redirects -------------------------------------------------------------------------------


def redirecting(status: int, target: str = "/there") -> Handler:
    async def handler(request: web.Request) -> web.Response:
        if request.path != "/there":
            return web.Response(status=status, headers={"Location": target})
        return await echo(request)

    return handler


def test_a_redirect_is_not_followed_unasked() -> None:
    exc = failed(ASK, redirecting(307))
    assert (str(exc), exc.kind) == (
        "endpoint 'bot': HTTP 307 Temporary Redirect: to /there", "HTTP 307"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("status", "method", "body"),
    [(301, "GET", ""), (302, "GET", ""), (303, "GET", ""), (307, "POST", '{"q":"hi"}'),
     (308, "POST", '{"q":"hi"}')],
)  # fmt: skip
def test_a_redirect_to_the_same_host_is_followed(status: int, method: str, body: str) -> None:
    found = asked({**ASK, "redirects": True}, redirecting(status)).output
    assert (found["path"], found["method"], found["body"]) == ("/there", method, body)


def test_a_redirect_to_another_host_is_not_followed() -> None:
    exc = failed({**ASK, "redirects": True}, redirecting(307, "http://127.0.0.2:1/there"))
    assert str(exc).endswith(", to http://127.0.0.2:1, and is not followed")


def test_redirects_in_a_circle_end() -> None:
    exc = failed({**ASK, "redirects": True}, redirecting(307, "/again"))
    assert exc.kind == "HTTP 307"


# --- no answer -------------------------------------------------------------------------------


def test_nobody_there_is_a_failed_connection() -> None:
    exc = run(failure(Asker().ask({**ASK, "url": "http://127.0.0.1:1/"})))
    assert (exc.kind, exc.retryable) == ("Connection", True)
    assert str(exc).startswith("endpoint 'bot': the connection failed: ")


def test_a_connection_that_breaks_off_is_a_failed_connection() -> None:
    async def handler(request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    async def halfway(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "100"})
        await response.prepare(request)
        await response.write(b"{")
        assert request.transport is not None
        request.transport.close()
        return response

    for way in (handler, halfway):
        exc = failed(ASK, way)
        assert (exc.kind, exc.retryable) == ("Connection", True)


def test_what_takes_too_long_is_given_up() -> None:
    async def never(request: web.Request) -> web.Response:
        await asyncio.Event().wait()
        return web.Response()

    async def trickle(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await asyncio.Event().wait()
        return response

    for way in (never, trickle):
        exc = failed({**ASK, "timeout": 0.05}, way)
        assert (str(exc), exc.kind, exc.retryable) == (
            "endpoint 'bot': no answer within 0.05 s", "Timeout", True
        )  # fmt: skip


def test_a_call_after_a_time_out_is_answered() -> None:
    asked_before: list[int] = []

    async def handler(request: web.Request) -> web.Response:
        asked_before.append(1)
        if len(asked_before) == 1:
            await asyncio.Event().wait()
        return web.json_response("ok")

    async def main() -> Any:
        data = {**ASK, "timeout": 0.2, "concurrency": 1}
        async with serving(handler) as base, Asker().opened(at(data, base)) as caller:
            await failure(caller.call(Asker().asking()))
            return (await caller.call(Asker().asking())).output

    assert run(main()) == "ok"


# --- secrets ---------------------------------------------------------------------------------

WITH_KEY = {**ASK, "headers": {"Authorization": "Bearer {{ secrets.key }}"}}


def test_a_secret_that_is_not_set_is_found_before_anything_is_asked() -> None:
    with pytest.raises(NotFound) as caught:
        run(Asker(secrets={"key": "BOT_KEY"}).ask(WITH_KEY))
    assert "BOT_KEY" in str(caught.value)
    with pytest.raises(NotFound, match="no parameter 'key'"):
        run(Asker().ask(WITH_KEY))
    with pytest.raises(InvalidInput, match="not a secret"):
        run(Asker(parameters={"key": "x"}).ask(WITH_KEY))


def test_a_secret_of_several_lines_is_refused() -> None:
    asker = Asker(secrets={"key": "BOT_KEY"}, environ={"BOT_KEY": "s3cret\n"})
    with pytest.raises(InvalidInput) as caught:
        run(asker.ask(WITH_KEY))
    assert "s3cret" not in str(caught.value)


def test_a_secret_is_in_no_message() -> None:
    async def leak(request: web.Request) -> web.Response:
        if request.path == "/bad":
            return web.Response(text=f"not json {request.headers['Authorization']}")
        return web.Response(status=403, text=f"no: {request.headers['Authorization']}")

    asker = Asker(secrets={"key": "BOT_KEY"}, environ={"BOT_KEY": "s3cret"})
    for url in ("BASE/ask", "BASE/bad"):
        exc = failed({**WITH_KEY, "url": url}, leak, asker=asker)
        assert "s3cret" not in str(exc)
        assert "<secret>" in str(exc)
    data = {"type": "http", "url": "http://127.0.0.1:1/{{ secrets.key }}"}
    assert "s3cret" not in str(run(failure(asker.ask(data))))


# --- surroundings ----------------------------------------------------------------------------


def test_proxies_of_the_environment_are_used_when_asked_for() -> None:
    async def main() -> list[Any]:
        async with serving(echo) as base:
            asker = Asker(environ={"HTTP_PROXY": base})
            data = {**ASK, "url": "http://somewhere.test/ask"}
            through = await asker.ask({**data, "proxy": True})
            without = await failure(asker.ask({**data, "url": "http://127.0.0.1:1/"}))
            return [through.output["path"], without.kind]

    assert run(main()) == ["http://somewhere.test/ask", "Connection"]


@pytest.mark.parametrize(
    ("url", "environ", "proxy"),
    [
        ("http://a.test/", {"http_proxy": "http://p:1", "HTTP_PROXY": "http://q:2"}, "http://p:1"),
        ("https://a.test/", {"http_proxy": "http://p:1"}, None),
        ("https://a.test/", {"ALL_PROXY": "p:1"}, "http://p:1"),
        ("http://a.test/", {"http_proxy": "http://p:1", "NO_PROXY": "*"}, None),
        ("http://a.b.test/", {"http_proxy": "http://p:1", "NO_PROXY": "x,.b.test"}, None),
        ("http://b.test/", {"http_proxy": "http://p:1", "no_proxy": "b.test:80"}, None),
        ("http://b.test/", {"http_proxy": "http://p:1", "no_proxy": "b.test:81"}, "http://p:1"),
        ("http://ab.test/", {"http_proxy": "http://p:1", "no_proxy": "b.test"}, "http://p:1"),
    ],
)
def test_a_proxy_is_found_as_usual(url: str, environ: dict[str, str], proxy: str | None) -> None:
    from yarl import URL

    from gitexp.evaluation.endpoints.proxies import proxy_for

    assert proxy_for(URL(url), environ) == proxy


def test_many_calls_are_in_flight_at_once() -> None:
    together: list[int] = []
    gate = asyncio.Event()

    async def handler(request: web.Request) -> web.Response:
        together.append(1)
        if len(together) == 150:
            gate.set()
        await gate.wait()
        return web.json_response(1)

    async def main() -> int:
        async with serving(handler) as base, Asker().opened(at(ASK, base)) as caller:
            answers = await asyncio.gather(*[caller.call(Asker().asking()) for _ in range(150)])
            return len(answers)

    assert run(main()) == 150
