"""Measure everything and print it. `python -m bench [look_up] [cold_start] [request_units]`; nothing is kept."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable
from platform import python_version

from bench import cold_start, look_up, request_units
from bench.ratios import Compared

Row = tuple[str, ...]


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


def request_units_rows() -> Iterable[Row]:
    yield _units("look-up", request_units.look_up(), "5 read")
    yield _units("look-up that notes the use (once in six hours)", request_units.first_use(), "")
    for size in (2048, 2049):
        scheduled = request_units.renewal_by_schedule(size)
        yield _units(f"renewal by schedule, row of {size} bytes", scheduled, "6 write" if size == 2048 else "")
    yield _units("renewal on demand, row of 2048 bytes", request_units.renewal_on_demand(2048), "6 write")


def _cpu(found: Compared) -> Row:
    return f"{found.first * 1e6:.0f} us", f"{found.second * 1e6:.0f} us", f"{found.ratio:.2f}"


def _share(found: look_up.Measured) -> str:
    return f"{found.ours.total / found.bare.total:.2f}"


def _units(name: str, journey: request_units.Journey, budget: str) -> Row:
    return name, f"{journey.read_units:g} read", f"{journey.write_units} write", f"{len(journey.requests)} sent", budget


TABLES: dict[str, tuple[Row, Callable[[], Iterable[Row]]]] = {
    "look_up": (("", "ours", "bare", "ratio", "budget"), look_up_rows),
    "cold_start": (("", "ours", "bare", "ratio", "budget"), cold_start_rows),
    "request_units": (("", "units", "units", "requests", "budget"), request_units_rows),
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
        for row in (head, *rows()):
            sys.stdout.write(_line(row))
            sys.stdout.flush()
    return 0


def _line(row: Row) -> str:
    return f"{row[0]:<50}" + "".join(f"{cell:>14}" for cell in row[1:]) + "\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
