"""Unit tests of usage_kafka_logger: what failure costs. Kafka refuses, the disk is full, a process ends.

No broker: the producer is librdkafka's own, pointed at a closed port, or a stand-in that fails on request.
"""

import logging
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path
from unittest import mock

from callback import EVENTS, HERE, StandIn, logger, module, payload, report, report_any, report_failed, strict
from confluent_kafka import KafkaError, KafkaException


class FailureTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.spill = Path(self.folder.name) / "spill.ndjson"

    def spilled(self):
        return [strict(line)["id"] for line in self.spill.read_bytes().splitlines()]

    def test_a_hook_never_raises(self):
        class Odd(dict):
            def get(self, *_):
                raise RuntimeError("odd")
        for broken in (None, {}, [1], "text", Odd(a=1), {"metadata": 5}):
            made = logger(StandIn())
            with self.assertLogs(module.log, logging.ERROR):
                report_any(made, broken)
            self.assertEqual(made.counts, {"lost": 1})

    def test_a_broken_failure_hook_does_not_raise(self):
        made = logger(StandIn())
        usage = mock.Mock(prompt_tokens="many", completion_tokens=0)
        with self.assertLogs(module.log, logging.ERROR):
            report_failed(made, {"combined_usage_object": usage, "response_cost": 1.0})
        self.assertEqual(made.counts, {"lost": 1})

    def test_what_has_no_payload_by_nature_is_not_lost(self):
        """LiteLLM makes none for the download of a video, the deletion of a file, and for a whole session."""
        for kwargs in ({"call_type": "avideo_content", "model": "sora-2"}, {"call_type": "afile_delete", "model": None},
                       {"call_type": "_arealtime", "model": "gpt-realtime"},
                       {"call_type": "_aresponses_websocket", "model": "gpt-4o"}):
            made = logger(StandIn())
            # Not assertNoLogs: a client of librdkafka that another test left writes to the same logger.
            with self.subTest(kwargs), mock.patch.object(module.log, "error") as complaint:
                report_any(made, None, **kwargs)
                self.assertEqual(made.counts, {"no_usage": 1})
                complaint.assert_not_called()

    def test_a_full_queue_spills(self):
        made = logger(StandIn(BufferError("Local: Queue full")), spill=self.spill)
        with self.assertLogs(module.log, logging.ERROR) as logs:
            for _ in range(50):
                report(made, payload())
        complaints = [line for line in logs.output if "usage events" in line]
        self.assertEqual(len(complaints), 1, complaints)
        self.assertEqual(made.counts, {"spilled": 50})
        self.assertEqual(self.spilled(), ["chatcmpl-1"] * 50)
        self.assertEqual(self.spill.stat().st_mode & 0o777, 0o600)

    def test_without_spill_file_a_refused_event_is_counted_as_lost(self):
        made = logger(StandIn(KafkaException("no")))
        with self.assertLogs(module.log, logging.ERROR):
            report(made, payload())
        self.assertEqual(made.counts, {"lost": 1})

    def refuse(self, spill, count):
        """`count` events that Kafka does not take, with this spill file."""
        made = logger(StandIn(BufferError()), spill=spill)
        with self.assertLogs(module.log, logging.ERROR):
            for number in range(count):
                report(made, payload(id=str(number)))
        return made.counts

    def test_what_cannot_be_written_to_is_counted_as_lost(self):
        os.mkfifo(fifo := Path(self.folder.name) / "fifo")
        for spill in (Path(self.folder.name), Path("/dev/full"), fifo):
            with self.subTest(spill):
                self.assertEqual(self.refuse(spill, 1), {"lost": 1})

    def test_a_short_write_is_counted_as_lost_and_leaves_whole_lines(self):
        """A limit of the file's size makes a real short write, as a full disk does."""
        line = len(module.encode(payload(id="0"), full=False)) + 1
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        self.addCleanup(resource.setrlimit, resource.RLIMIT_FSIZE, before)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2 * line + line // 2, before[1]))
        self.assertEqual(self.refuse(self.spill, 5), {"spilled": 2, "lost": 3})
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        self.assertEqual(self.refuse(self.spill, 1), {"spilled": 1})
        self.assertEqual(self.spilled(), ["0", "1", "0"])

    def test_a_line_that_a_kill_has_torn_does_not_spoil_the_next_one(self):
        self.spill.write_bytes(b'{"id":"to')
        self.assertEqual(self.refuse(self.spill, 1), {"spilled": 1})
        torn, whole = self.spill.read_bytes().splitlines()
        self.assertEqual((torn, strict(whole)["id"]), (b'{"id":"to', "0"))

    def test_a_full_spill_file_is_left_as_it_is(self):
        with mock.patch.object(module, "SPILL_BYTES_MAX", 1):
            self.assertEqual(self.refuse(self.spill, 1), {"lost": 1})
        self.assertEqual(self.spill.read_bytes(), b"")

    def test_no_symbolic_link_is_followed(self):
        target = Path(self.folder.name) / "target"
        for content in (None, b"not ours\n"):
            if content:
                target.write_bytes(content)
            self.spill.symlink_to(target)
            self.assertEqual(self.refuse(self.spill, 1), {"lost": 1})
            self.spill.unlink()
            self.assertEqual(target.read_bytes() if target.exists() else None, content)

    def test_the_file_is_private_whatever_the_umask(self):
        self.addCleanup(os.umask, os.umask(0))
        self.refuse(self.spill, 1)
        self.assertEqual(self.spill.stat().st_mode & 0o777, 0o600)

    def test_an_event_that_no_broker_takes_spills_at_close(self):
        made = logger(spill=self.spill)
        with self.assertLogs(module.log, logging.ERROR):
            report(made, payload())
            began = time.monotonic()
            made.close(timeout_s=0.2)
            report(made, payload(id="later"))  # LiteLLM drains its queue after our close()
        self.assertLess(time.monotonic() - began, 5)
        self.assertEqual(self.spilled(), ["chatcmpl-1", "later"])
        self.assertEqual(made.counts, {"produced": 2, "spilled": 2})

    def test_each_delivery_report_is_counted(self):
        for options, outcome in (({}, "lost"), ({"spill": self.spill}, "spilled")):
            standin = StandIn()
            made = logger(standin, **options)
            for event in ("a", "b", "c"):
                report(made, payload(id=event))
            self.assertEqual(made.counts, {"produced": 3})
            with self.assertLogs(module.log, logging.ERROR) as logs:
                errors = (None, KafkaError(KafkaError._MSG_TIMED_OUT), None)
                for deliver, error in zip(standin.reports, errors, strict=True):
                    deliver(error)
            self.assertEqual(made.counts, {"produced": 3, "delivered": 2, outcome: 1})
            self.assertIn(f"{{'produced': 3, 'delivered': 1, '{outcome}': 1}}", "".join(logs.output))
        self.assertEqual(self.spilled(), ["b"])

    def test_what_librdkafka_delivers_is_counted(self):
        made = logger(extra={"test.mock.num.brokers": 1}, spill=self.spill)  # a broker within librdkafka
        for event in EVENTS[:5]:
            report(made, event)
        made.close()
        self.assertEqual(made.counts, {"produced": 5, "delivered": 5})

    def test_a_hook_does_not_wait_for_a_dead_broker(self):
        made = logger(spill=self.spill)
        began = time.monotonic()
        for event in EVENTS * 4:
            report(made, event)
        self.assertLess((time.monotonic() - began) / (len(EVENTS) * 4), 0.01)
        made._close_deadline = time.monotonic()
        made.close()


class ProcessTest(unittest.TestCase):
    """Each in a process of its own: signals and forks."""

    def run_script(self, text):
        with tempfile.TemporaryDirectory() as folder:
            spill = Path(folder) / "spill"
            env = {**os.environ, "PYTHONPATH": str(HERE.parent), "USAGE_KAFKA_BROKERS": "127.0.0.1:1",
                   "USAGE_KAFKA_SPILL": str(spill), "USAGE_KAFKA_CONFIG": '{"delivery.timeout.ms": 500}'}
            done = subprocess.run([sys.executable, "-c", text], env=env, capture_output=True, text=True,
                                  timeout=120, check=False)
            lines = spill.read_text().splitlines() if spill.exists() else []
            return done.returncode, lines, done.stdout + done.stderr

    def test_a_server_that_raises_sigterm_again_still_runs_atexit(self):
        code, lines, output = self.run_script(SERVER)
        self.assertEqual((code, len(lines)), (0, 1), output)

    def test_without_the_handler_that_event_is_lost(self):
        code, lines, output = self.run_script(SERVER.replace("uvicorn_handler)", "signal.SIG_DFL)", 1))
        self.assertEqual((code, lines), (-signal.SIGTERM, []), output)

    def test_a_forked_child_uses_a_producer_of_its_own(self):
        code, lines, output = self.run_script(FORK)
        self.assertEqual((code, len(lines)), (0, 2), output)


REPORT = """
import asyncio
def report(id):
    slp = {"id": id, "status": "success", "metadata": {}}
    asyncio.run(module.usage_kafka_logger.async_log_success_event({"standard_logging_object": slp}, 0, 0, 0))
"""

#: What uvicorn does (Server.capture_signals): handle, finish, restore, raise again.
SERVER = """
import os, signal, usage_kafka_logger as module
def uvicorn_handler(number, frame):
    pass
signal.signal(signal.SIGTERM, uvicorn_handler)
module.usage_kafka_logger
""" + REPORT + """
os.kill(os.getpid(), signal.SIGTERM)
report("in flight")
signal.signal(signal.SIGTERM, signal.SIG_DFL)
signal.raise_signal(signal.SIGTERM)
"""

FORK = """
import os, sys, usage_kafka_logger as module
module.usage_kafka_logger
""" + REPORT + """
report("parent")
child = os.fork()
if child == 0:
    report("child")
    assert module.usage_kafka_logger.counts["produced"] == 1, "the parent's are the parent's"
    sys.exit(0)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


if __name__ == "__main__":
    unittest.main()
