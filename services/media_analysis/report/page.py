"""Pure: a report in, one self-contained HTML page out: no script, no address outside, everything escaped."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING

from media_analysis.report import figures
from media_analysis.report.charts import cost_bar
from media_analysis.report.details import card, code_of, pill
from media_analysis.report.markup import Markup, document, join, tag
from media_analysis.report.totals import Totals, add_up

if TYPE_CHECKING:
    from media_analysis.report.values import Entry, Report


def render_report(report: Report) -> str:
    """Return the page as HTML text."""
    totals = add_up(report.entries)
    body = tag(
        "body",
        None,
        _header(report),
        _banner(report),
        _tiles(report, totals),
        _section("Requests", _table(report.entries)),
        tag(
            "div",
            {"class": "pair"},
            _section("Cost by modality", _cost(totals)),
            _section("What had to hold", _checks(report)),
        ),
        _section("One by one", _key(), *map(card, report.entries)),
        _footer(report),
    )
    style = (resources.files("media_analysis.report") / "report.css").read_text("utf-8")
    return document(title=report.title, style=style, body=body)


def _section(title: str, *content: Markup) -> Markup:
    return tag("section", None, tag("h2", None, title), *content)


def _header(report: Report) -> Markup:
    made = report.made_at.strftime("%d %B %Y, %H:%M:%S %Z").lstrip("0")
    took = f" · {figures.seconds(report.seconds)} from start to end" if report.seconds is not None else ""
    return tag("header", None, tag("h1", None, report.title), tag("p", {"class": "faint"}, made + took))


def _banner(report: Report) -> Markup:
    lead = (
        "These answers come from the simulator, not from a model. "
        if report.simulated
        else "These answers come from a model. "
    )
    return tag(
        "p", {"class": "banner" if report.simulated else "banner live"}, tag("strong", None, lead), report.answers_from
    )


def _tiles(report: Report, totals: Totals) -> Markup:
    outcomes = " · ".join(f"{number} {name}" for name, number in totals.outcomes.items())
    cost = " + ".join(f"{figures.amount(part)} {currency}" for currency, part in totals.cost.items()) or figures.UNKNOWN
    repeats = sum(entry.duplicate_of is not None for entry in report.entries)
    refused = totals.usage.calls - totals.calls_answered
    counted = "" if report.calls_counted is None else f"the model's side counted {report.calls_counted}; "
    declined = f"{refused} more refused, free; " if refused else ""
    modalities = " · ".join(f"{name} {figures.count(number)}" for name, number in totals.tokens_by_modality if number)
    return tag(
        "div",
        {"class": "tiles"},
        _tile("requests sent", str(len(report.entries)), outcomes),
        _tile("tokens", figures.count(totals.usage.total_tokens), modalities or "none"),
        _tile("cost", cost, f"{totals.unpriced} without a price" if totals.unpriced else "every call priced"),
        _tile(
            "calls paid",
            str(totals.calls_answered),
            f"{counted}{declined}{repeats} repeated request{'s' * (repeats != 1)} answered without a call",
        ),
        _tile("first token", figures.seconds(totals.first_token_seconds), "median over the requests asked"),
    )


def _tile(name: str, value: str, note: str) -> Markup:
    return tag("div", {"class": "tile"}, tag("span", None, name), tag("strong", None, value), tag("small", None, note))


_COLUMNS = ("", "", "request", "profile", "outcome", "model", "in", "out", "cost", "first token", "total")


def _table(entries: tuple[Entry, ...]) -> Markup:
    head = tag("tr", None, *(tag("th", {"class": "num" if at > 5 else None}, name) for at, name in enumerate(_COLUMNS)))  # noqa: PLR2004 — numbers stand right of the model
    return tag(
        "div",
        {"class": "scroll"},
        tag("table", {"class": "requests"}, tag("thead", None, head), tag("tbody", None, *map(_line, entries))),
    )


def _line(entry: Entry) -> Markup:
    done = entry.completion
    asked = done is not None and done.usage.calls > 0
    thumbs = [tag("img", {"src": picture.data_uri, "alt": picture.caption}) for picture in entry.pictures[:1]]
    more = tag("small", None, f"+{len(entry.pictures) - 1}") if len(entry.pictures) > 1 else None
    figures_shown = (
        figures.count(done.usage.input_tokens) if done and asked else figures.UNKNOWN,
        figures.count(done.usage.output_tokens) if done and asked else figures.UNKNOWN,
        _paid(entry) if asked else figures.UNKNOWN,
        figures.seconds(done.timings.first_token_seconds if done else None),
        figures.seconds(done.timings.total_seconds if done else None),
    )
    code = code_of(entry)
    return tag(
        "tr",
        None,
        tag("td", {"class": "num faint"}, entry.number),
        tag("td", {"class": "thumb"}, *thumbs, more),
        tag("td", None, tag("a", {"href": f"#r{entry.number}"}, entry.title), tag("small", None, entry.request_id)),
        tag(
            "td",
            None,
            done.profile.name if done and done.profile else figures.UNKNOWN,
            tag("small", None, f"for {done.tenant}") if done else None,
        ),
        tag("td", None, pill(entry), tag("small", None, tag("code", None, code)) if code else None),
        tag("td", {"class": "name"}, done.model if done and asked else figures.UNKNOWN),
        *(tag("td", {"class": "num"}, shown) for shown in figures_shown),
    )


def _paid(entry: Entry) -> str:
    """Only the entry that is repeated shows the cost, so that the column adds up."""
    if entry.duplicate_of is not None:
        return f"paid with {entry.duplicate_of}"
    cost = entry.completion.cost if entry.completion else None
    return f"{figures.amount(cost.decimal)} {cost.currency}" if cost else figures.UNKNOWN


def _cost(totals: Totals) -> Markup:
    bars = [cost_bar(currency, parts) for currency, parts in totals.parts.items()]
    return join(*bars) if bars else tag("p", {"class": "faint"}, "Nothing was paid.")


def _checks(report: Report) -> Markup:
    rows = [
        tag(
            "li",
            {"class": "holds" if check.holds else "broken"},
            tag("span", None, f"{'✓' if check.holds else '✕'} {check.claim}"),
            tag("small", None, check.seen),
        )
        for check in report.checks
    ]
    return tag("ul", {"class": "checks"}, *rows) if rows else tag("p", {"class": "faint"}, "Nothing was checked.")


def _key() -> Markup:
    words = {
        "model": "the model's call",
        "store": "store and ledger",
        "ours": "our own work",
        "wrong": "ended in an error",
    }
    swatches = [tag("span", None, tag("b", {"class": f"swatch {name}"}), text) for name, text in words.items()]
    return tag(
        "p",
        {"class": "key"},
        "In the traces: ",
        *swatches,
        "A thin line in a call is its first token; point at a row for its attributes.",
    )


def _footer(report: Report) -> Markup:
    worker = next((entry.completion.worker for entry in report.entries if entry.completion is not None), None)
    made_by = f"Made by {worker.name} {worker.version}." if worker else "No worker answered."
    return tag("footer", None, tag("p", None, made_by), *(tag("p", None, note) for note in report.notes))
