"""Compares what Bailey recorded and charged with what the mock provider saw and billed.

The mock counts by code of its own and knows nothing of Bailey, so equal sums mean that no call was lost, none was
invented, and each was priced right, class of tokens by class of tokens.
"""

import collections
import dataclasses
import time

from harness import Failed, get_json

# The classes that both sides keep, by the same names.
CLASSES = ("input", "cache_read", "cache_write_5m", "cache_write_1h", "output", "reasoning")


@dataclasses.dataclass(frozen=True, order=True)
class Call:
    """One call as a bill shows it. `cost` is in nano-dollars."""

    protocol: str
    model: str
    stream: bool
    tokens: tuple
    cost: int


class Judge:
    """Remembers how far the mock's ledger was read, so that each client's calls are compared by themselves."""

    def __init__(self, bailey, mock_url):
        self.bailey = bailey
        self.mock_url = mock_url
        self.seen = 0

    def compare(self, key_id):
        """Compares the calls since the last comparison with the rows of this key, and returns how many there were.

        A client may leave while its last call still runs, so both sides get a few seconds to agree.
        """
        deadline = time.monotonic() + 10
        while True:
            open_calls, billed = self._mock()
            recorded, charged = self._bailey(key_id)
            difference = _difference(billed, recorded)
            if not difference and charged != sum(call.cost for call in billed):
                difference = f"spend says {charged} nano-dollars, the mock {sum(call.cost for call in billed)}"
            if not difference and open_calls == 0:
                self.seen += len(billed)
                return len(billed)
            if time.monotonic() > deadline:
                # The next client is judged by its own calls.
                self.seen += len(billed)
                raise Failed(f"the ledgers differ: {difference or f'{open_calls} calls are still open'}")
            time.sleep(0.2)

    def _mock(self):
        """How many calls are open, and those that ended since the last comparison."""
        ledger = get_json(f"{self.mock_url}/ledger")
        billed = [
            Call(
                entry["protocol"],
                entry["model"],
                entry["stream"],
                tuple(entry["usage"][name] for name in CLASSES),
                entry["cost_nanos"],
            )
            for entry in ledger["entries"]
        ]
        return ledger["open"], billed[self.seen :]

    def _bailey(self, key_id):
        """The key's rows that reached a provider, and what `bailey spend` says of the key."""
        rows = self.bailey.json("requests", "--key", key_id, "--limit", "500")["items"]
        recorded = [
            Call(
                row["protocol"],
                row["provider_model"],
                row["stream"],
                tuple(row["tokens"][name] for name in CLASSES),
                row["cost"]["nanos"],
            )
            for row in rows
            if row["provider_model"] is not None
        ]
        spend = self.bailey.json("spend", "--group-by", "key")["rows"]
        charged = sum(row["cost"]["nanos"] for row in spend if row["key"]["id"] == key_id)
        return recorded, charged


def _difference(billed, recorded):
    """What only one side knows, in words; empty where both agree."""
    ours, theirs = collections.Counter(recorded), collections.Counter(billed)
    lines = [f"only the mock billed {call}" for call in (theirs - ours).elements()]
    lines += [f"only Bailey recorded {call}" for call in (ours - theirs).elements()]
    return "\n".join(lines)
