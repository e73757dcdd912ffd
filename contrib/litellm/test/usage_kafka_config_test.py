"""What an operator configures, and what librdkafka is given: properties and environment."""

import atexit
import logging
import os
import re
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # LiteLLM downloads its price list otherwise
import usage_kafka_logger as module  # noqa: E402
from confluent_kafka import KafkaException  # noqa: E402

module.log.propagate = False  # librdkafka complains of the closed port
module.log.addHandler(logging.NullHandler())


def start(**env):
    """What librdkafka is given when LiteLLM asks for the callback, and what is said of it."""
    with (
        mock.patch.object(module, "Producer", side_effect=module.Producer) as producer,
        mock.patch.object(module.log, "warning") as warning,
    ):
        made = module.from_environment({"USAGE_KAFKA_BROKERS": "127.0.0.1:1", **env})
    atexit.unregister(made.close)
    made.close(timeout_s=0)
    return producer.call_args.args[0], [call.args[0] % call.args[1:] for call in warning.call_args_list]


class GuaranteesTest(unittest.TestCase):
    def assert_kept(self, properties):
        names = ("enable.idempotence", "acks", "request.required.acks")
        self.assertEqual([properties.get(name) for name in names], [True, "all", None])

    def test_no_event_is_lost_or_doubled_by_default(self):
        properties, complaints = start()
        self.assert_kept(properties)
        self.assertEqual(complaints, [])

    def test_a_weaker_property_is_overruled_with_one_line_and_the_proxy_starts(self):
        weaker = ('"enable.idempotence": false', '"enable.idempotence": "False"', '"enable.idempotence": 0',
                  '"enable.idempotence": null', '"acks": 1', '"acks": "0"', '"request.required.acks": 1',
                  '"enable.idempotence": false, "acks": 1')
        for given in weaker:
            with self.subTest(given):
                properties, [line] = start(USAGE_KAFKA_CONFIG='{"linger.ms": 7, %s}' % given)
                self.assert_kept(properties)
                self.assertEqual(properties["linger.ms"], 7)
                for name in re.findall(r'"([a-z.]+)":', given):
                    self.assertIn(f"{name}=", line.split(" ignored")[0])
                self.assertNotIn("linger.ms", line)
                self.assertIn("from USAGE_KAFKA_CONFIG", line)

    def test_the_same_in_other_words_is_no_complaint(self):
        for same in ('"enable.idempotence": true', '"enable.idempotence": "TRUE"', '"enable.idempotence": 1',
                     '"acks": "all"', '"acks": -1', '"request.required.acks": "-1"'):
            with self.subTest(same):
                properties, complaints = start(USAGE_KAFKA_CONFIG="{%s}" % same)
                self.assert_kept(properties)
                self.assertEqual(complaints, [])


class EnvironmentTest(unittest.TestCase):
    def test_environment_is_checked_at_start(self):
        for name, value in (("USAGE_KAFKA_BROKERS", ""), ("USAGE_KAFKA_PAYLOAD", "fat"), ("USAGE_KAFKA_CONFIG", "{")):
            with self.assertRaises(ValueError):
                start(**{name: value})

    def test_an_unknown_property_is_refused_at_start(self):
        with self.assertRaises(KafkaException):
            start(USAGE_KAFKA_CONFIG='{"no.such.property": 1}')

    def test_configuration_can_come_from_a_file(self):
        with tempfile.NamedTemporaryFile("w") as file:
            file.write('{"client.id": "from-file"}')
            file.flush()
            properties, _ = start(USAGE_KAFKA_CONFIG=f"@{file.name}")
        self.assertEqual(properties["client.id"], "from-file")


if __name__ == "__main__":
    unittest.main()
