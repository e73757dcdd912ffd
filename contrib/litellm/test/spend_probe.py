"""What LiteLLM itself would bill: the rows of its SpendLogs table, as JSON lines in $SPEND_PROBE_FILE.

LiteLLM writes them only when it has a database. This callback is LiteLLM's own writer of those rows,
put to work without one: the last step, which would write to the database, writes to the file.
"""

from __future__ import annotations

import json
import os

from litellm.proxy.db.db_spend_update_writer import DBSpendUpdateWriter
from litellm.proxy.hooks.proxy_track_cost_callback import _ProxyDBLogger
from litellm.proxy.spend_tracking.spend_tracking_utils import get_logging_payload


async def write_row(self, *, kwargs, completion_response, start_time, end_time, response_cost=0.0, **_) -> bool:
    """In place of `DBSpendUpdateWriter.update_database`: the row that it makes, and what it then puts in."""
    row = get_logging_payload(kwargs=kwargs, response_obj=completion_response, start_time=start_time, end_time=end_time)
    row["spend"] = response_cost or 0.0
    with open(os.environ["SPEND_PROBE_FILE"], "a") as file:
        file.write(json.dumps(row, default=str) + "\n")
    return True


DBSpendUpdateWriter.update_database = write_row
probe = _ProxyDBLogger()
