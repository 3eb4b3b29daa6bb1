"""Functions on machines whose clocks are off, and a region that says in each answer what time it is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from email.utils import formatdate
from typing import Any, cast

from botocore.awsrequest import AWSPreparedRequest, AWSResponse

from strongroom.adapters.cipher import AesGcm
from strongroom.adapters.dynamo import DynamoTable
from strongroom.adapters.kms import Kms, KmsClient
from strongroom.adapters.table_time import SharedClock, TableTime
from strongroom.flows.vault import Vault
from strongroom.ports import Ports
from tests.contract.faults.aws_world import KEY_ARN, Aws
from tests.fakes.clock import FakeClock


@dataclass
class OffClock:
    """The world's clock, so many seconds off."""

    clock: FakeClock
    off: float

    def now(self) -> float:
        return self.clock.now() + self.off

    def wait(self, seconds: float) -> None:
        self.clock.wait(seconds)


class AwsWithTime(Aws):
    """The world's clock is AWS's own."""

    def _send(self, request: AWSPreparedRequest, **more: Any) -> AWSResponse:
        answer = super()._send(request, **more)
        answer.headers["Date"] = formatdate(self.world.clock.now(), usegmt=True)
        return answer

    def started_on(self, machine: OffClock, *, listens: bool = True) -> Ports:
        """The ports of a function that has just started on a machine; `listens` False: it believes the machine."""
        world, clock = self.world, SharedClock(machine)
        time = TableTime(clock, world.journal) if listens else None
        table = DynamoTable(self._dynamo, self._table, clock, world.chance, time)
        vault = Vault(table, Kms(cast(KmsClient, self._kms), KEY_ARN), AesGcm(), clock, world.chance, "test")
        return replace(self.new_environment(), table=table, vault=vault, clock=clock)
