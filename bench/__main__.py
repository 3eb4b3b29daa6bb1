"""Measure everything and print it, line by line. `python -m bench [look_up] [cold_start] ...`; nothing is kept."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable
from itertools import chain
from platform import python_version

from bench import cold_start, look_up, renewal, request_units, sweep
from bench.ratios import Compared
from local.satellites import SOURCES

Row = tuple[str, ...]

TWO_KB = 2048
RENEWALS = ((8, 0.0), (1, 0.0), (8, 0.1), (1, 0.1))
SWEEPS = ((0, 10_000), (100, 100), (100, 10_000), (1000, 1000), (1000, 10_000))


def look_up_rows() -> Iterable[Row]:
    found = look_up.measure()
    yield ("warm look-up, CPU", *_cpu(found.cpu), "at most 1.30")
    yield ("  Python calls", str(found.ours.total), str(found.bare.total), _share(found), "")
    yield ("  of these our own", str(found.ours.of("strongroom", "functions")), "0", "", "")
    yield ("  requests to DynamoDB", str(found.dynamodb_requests), "1", "", "1")
    yield (
        "  requests to KMS, to providers",
        f"{found.key_service_requests}, {found.provider_requests}",
        "",
        "",
        "0, 0",
    )


def cold_start_rows() -> Iterable[Row]:
    for byte_code in cold_start.BYTE_CODE:
        yield (f"init, byte code: {byte_code}", *_cpu(cold_start.measure(byte_code)), "at most 1.20")


def renewal_rows() -> Iterable[Row]:
    for providers, delay in RENEWALS:
        found = renewal.measure(providers, delay)
        answer = f"{delay * 1000:.0f} ms for an answer" if delay else "answers at once"
        yield (f"64 at once, {_counted(providers, 'provider')}, {answer}", "", "", "", "")
        yield ("  CPU of one, bare: the provider alone", *_cpu(found.cpu), "")
        yield ("  CPU of one, bare: the same, and DynamoDB", *_cpu(found.cpu_beside_dynamodb), "")
        yield ("  time of one, bare: the provider alone", *_cpu(found.wall), "")
        yield ("  time of one, bare: the same, and DynamoDB", *_cpu(found.wall_beside_dynamodb), "")
        yield ("  in a second", *(f"{one:.0f}" for one in found.per_second), "", "")
        yield ("  found no slot in time", f"{found.left} of {found.left + found.done}", "", "", "")
    requests = found.each("BatchGetItem") + found.each("UpdateItem")
    yield ("requests to the provider for one", f"{found.each('renewed'):g}", "1", "", "1")
    yield ("requests to DynamoDB for one", f"{requests:g}", "", "", "")
    yield ("CPU of a connection with TLS, bare: without", *_cpu(renewal.handshake()), "")


def request_units_rows() -> Iterable[Row]:
    units = request_units
    yield _units("look-up", units.look_up(), "5 read")
    yield _units("look-up that notes the use (once in six hours)", units.first_use(), "")
    yield _units("renewal on demand", units.renewal_on_demand(TWO_KB), "6 write")
    yield _units("renewal by schedule, the first", units.renewal_by_schedule(TWO_KB), "6 write")
    yield _units("  the third", units.renewal_by_schedule(TWO_KB, before=2), "6 write")
    yield _units("  row of 2049 bytes", units.renewal_by_schedule(TWO_KB + 1), "")
    yield _units("  exercise of what nobody uses", units.exercise(TWO_KB), "6 write")
    yield _units("  provider answers 503", units.fault(units.DOWN, TWO_KB), "")
    yield _units("  the same, and the breaker opens", units.opening(TWO_KB), "")
    yield _units("  provider answers 429", units.fault(units.BUSY, TWO_KB), "")
    yield _units("  provider is left alone", units.paused(TWO_KB), "0 write")
    yield _units("  provider is well again", units.well_again(TWO_KB), "")
    yield _units("  provider has ended the grant", units.fault(units.ENDED, TWO_KB), "")


def sweep_rows() -> Iterable[Row]:
    for due, stored in SWEEPS:
        found = sweep.sweep(due, stored)
        yield (
            f"{due} due of {stored} stored",
            str(found.queries),
            f"{found.read_units:g}",
            str(found.other_table_requests),
            str(found.queue_requests),
        )


def satellite_rows() -> Iterable[Row]:
    # Found as a gateway finds it that was not installed: only what needs the package has it on its path.
    sys.path.append(str(SOURCES))
    from bench import satellite

    found = satellite.measure()
    yield ("request with a kept token, CPU", *_cpu(found.cpu), "")
    share = f"{found.ours.total / found.bare.total:.2f}"
    yield ("  Python calls", str(found.ours.total), str(found.bare.total), share, "")
    yield ("  look-ups for all of them", f"{found.asked} for {found.requests}", "", "", "one a minute")


def _cpu(found: Compared) -> Row:
    return f"{found.first * 1e6:.0f} us", f"{found.second * 1e6:.0f} us", f"{found.ratio:.2f}"


def _share(found: look_up.Measured) -> str:
    return f"{found.ours.total / found.bare.total:.2f}"


def _units(name: str, journey: request_units.Journey, budget: str) -> Row:
    queries = sum(request.operation == "Query" for request in journey.requests)
    sent = f"{len(journey.requests) - queries} + {queries}" if queries else f"{len(journey.requests)}"
    return name, f"{journey.read_units:g} read", f"{journey.write_units:g} write", sent, budget


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" + "s" * (number != 1)


TABLES: dict[str, tuple[Row, Callable[[], Iterable[Row]]]] = {
    "look_up": (("", "ours", "bare", "ratio", "budget"), look_up_rows),
    "cold_start": (("", "ours", "bare", "ratio", "budget"), cold_start_rows),
    "renewal": (("", "ours", "bare", "ratio", "budget"), renewal_rows),
    "request_units": (("", "units", "units", "requests", "budget"), request_units_rows),
    "satellite": (("", "ours", "bare", "ratio", "budget"), satellite_rows),
    "sweep": (("", "queries", "read units", "others", "to queues"), sweep_rows),
}


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure what Strongroom costs.")
    parser.add_argument("what", nargs="*", help=", ".join(TABLES))
    wanted = parser.parse_args(arguments).what or list(TABLES)
    if unknown := set(wanted) - set(TABLES):
        parser.error(f"there is no {', '.join(sorted(unknown))}")
    sys.stdout.write(f"Python {python_version()}\n")
    for name in wanted:
        head, rows = TABLES[name]
        sys.stdout.write(f"\n{name}\n")
        for row in chain((head,), rows()):
            sys.stdout.write(_line(row))
            sys.stdout.flush()
    return 0


def _line(row: Row) -> str:
    return f"{row[0]:<50}" + "".join(f"{cell:>14}" for cell in row[1:]) + "\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
