"""What DynamoDB itself says that each request cost: `ReturnConsumedCapacity`, asked for with every request of a client."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

READS = frozenset({"BatchGetItem", "GetItem", "Query"})


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it went over the wire, and the units that its answer says it has cost; `index_units` are those of them
    that went into indexes."""

    operation: str
    read_units: float = 0.0
    write_units: float = 0.0
    index_units: float = 0.0


class Reported:
    """Lists the requests of a client, in order. A request that is refused tells no units: it is listed with none."""

    def __init__(self, client: Any) -> None:
        self.requests: list[Request] = []
        client.meta.events.register("provide-client-params.dynamodb", self._ask)
        client.meta.events.register("after-call.dynamodb", self._note)

    def _ask(self, params: Mapping[str, Any], **_: Any) -> dict[str, Any]:
        return {**params, "ReturnConsumedCapacity": "INDEXES"}

    def _note(self, model: Any, parsed: Mapping[str, Any], **_: Any) -> None:
        told = parsed.get("ConsumedCapacity", [])
        tables = [told] if isinstance(told, Mapping) else told
        units = sum(float(table["CapacityUnits"]) for table in tables)
        inside = sum(float(index["CapacityUnits"]) for table in tables for index in _indexes(table))
        if model.name in READS:
            self.requests.append(Request(model.name, read_units=units, index_units=inside))
        else:
            self.requests.append(Request(model.name, write_units=units, index_units=inside))


def _indexes(table: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return list(table.get("GlobalSecondaryIndexes", {}).values())
