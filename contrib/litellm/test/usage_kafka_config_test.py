"""What an operator configures, and what LiteLLM finds: properties, environment, hooks, README.md."""

import atexit
import re
import tempfile
import unittest
from unittest import mock

import yaml
from callback import HERE, module
from confluent_kafka import KafkaException
from litellm.integrations.custom_logger import CustomLogger


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
                properties, [line] = start(USAGE_KAFKA_CONFIG=f'{{"linger.ms": 7, {given}}}')
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
                properties, complaints = start(USAGE_KAFKA_CONFIG=f"{{{same}}}")
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


class HooksTest(unittest.TestCase):
    def test_only_the_asynchronous_hooks_are_ours(self):
        """LiteLLM calls the synchronous ones too for some requests: each would be two events."""
        ours = module._PROXY_UsageKafkaLogger
        for name in ("log_success_event", "log_failure_event"):
            self.assertIs(getattr(ours, name), getattr(CustomLogger, name))
        hooks = {name for name in dir(CustomLogger) if not name.startswith("__")}
        replaced = {name for name in hooks if getattr(ours, name) is not getattr(CustomLogger, name)}
        self.assertEqual(replaced, {"async_log_success_event", "async_log_failure_event", "async_post_call_failure_hook"})


class ReadmeTest(unittest.TestCase):
    """The lines an operator copies are the lines that the end-to-end test runs with."""

    def test_its_lines_of_configuration_are_those_of_the_proxy_under_test(self):
        readme = (HERE.parent / "README.md").read_text()
        [block] = re.findall(r"```yaml\n(.*?)```", readme, re.DOTALL)
        told = yaml.safe_load(block)["litellm_settings"]
        self.assertEqual(told.keys(), {"callbacks", "global_disable_no_log_param"})
        used = yaml.safe_load((HERE / "proxy_config.yaml").read_text())["litellm_settings"]
        used["callbacks"].remove("spend_probe.probe")  # the test's own
        self.assertEqual({name: used.get(name) for name in told}, told)

    def test_the_callback_it_names_is_there(self):
        name = module.__name__
        self.assertIn(f'["{name}.{name}"]', (HERE.parent / "README.md").read_text())
        with mock.patch.dict(vars(module)), mock.patch.object(module, "from_environment", return_value="made"):
            self.assertEqual(getattr(module, name), "made")


if __name__ == "__main__":
    unittest.main()
