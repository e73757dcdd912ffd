#!/usr/bin/env python3
"""The tidy tests find what they are for: each rule is broken once in a tree of its own."""
import pathlib
import tempfile
import unittest
import unittest.mock

import built_tests
import comments
import documents
import house_rules
import include_direction
import modules
import plain_words


class PlantedTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.root = pathlib.Path(self.folder.name)

    def plant(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def found(self, check, *arguments) -> str:
        return "\n".join(check(self.root, *arguments))

    def test_arrow_to_the_right(self):
        self.plant("schema/a.h", '#include "ingest/event/decoder.h"\n')
        self.assertIn("schema/a.h:1: schema includes", self.found(include_direction.check_includes))

    def test_mutex_without_attributes(self):
        self.plant("ingest/json/a.h", "#include <mutex>\n")
        self.assertIn("<mutex> belongs only in schema/mutex.h", self.found(include_direction.check_includes))

    def test_word_that_a_reader_has_to_look_up(self):
        self.plant("daemon/text/a.cc", '// again\n// anew\nf("nobody", "Nobody came");\n')
        self.plant("tests/unit/a_test.cc", "TEST(ATest, SomebodyElseCame) {}\n")
        self.plant("bench/demo/a.sql", "SELECT * FROM ledger;\n-- both books; 0001_create_ledger\n")
        self.assertEqual(self.found(plain_words.check).splitlines(),
                         ['bench/demo/a.sql:1: "ledger"', 'bench/demo/a.sql:2: "books"',
                          'daemon/text/a.cc:2: "anew"', 'daemon/text/a.cc:3: "Nobody"',
                          'tests/unit/a_test.cc:1: "Somebody"'])

    def test_pipeline_must_not_see_kafka(self):
        self.plant("ingest/pipeline/a.cc", '#include "ingest/kafka/consumer/consumer.h"\n')
        self.assertIn("ingest/pipeline includes", self.found(include_direction.check_includes))

    def test_what_never_blocks_must_not_see_what_blocks(self):
        self.plant("ingest/postgres/batch/a.cc",
                   '#include "ingest/postgres/blocking/sync_connection.h"\n')
        self.assertIn("ingest/postgres/batch includes",
                      self.found(include_direction.check_includes))

    def test_every_allowed_arrow_points_one_way(self):
        self.assertEqual(self.found(include_direction.check_order), "")
        swapped = {"a": ("b",), "b": ()}
        with unittest.mock.patch.object(modules, "MODULES", swapped):
            self.assertIn("a names b", self.found(include_direction.check_order))

    def test_file_outside_every_module(self):
        self.plant("daemon/elsewhere/a.h", "")
        self.assertIn("daemon/elsewhere is no module", self.found(include_direction.check_modules))

    def test_module_that_is_too_large(self):
        for number in range(modules.FILES_MAX + 1):
            self.plant(f"ingest/json/a{number}.cc", "")
        self.assertIn("ingest/json: 41 files", self.found(include_direction.check_modules))

    def test_namespace_of_another_module(self):
        self.plant("ingest/json/a.cc", "namespace usage_ingest::event {\n}\n")
        self.plant("ingest/kafka/client/a.cc", "namespace usage_ingest::kafka::client {\n}\n")
        found = self.found(include_direction.check_modules)
        self.assertIn("ingest/json/a.cc:1: namespace usage_ingest::event", found)
        self.assertNotIn("kafka", found)

    def test_library_outside_its_folder(self):
        self.plant("daemon/text/a.cc", "#include <libpq-fe.h>\n#  include <simdjson.h>\n")
        found = self.found(include_direction.check_includes)
        self.assertIn("daemon/text/a.cc:1: <libpq-fe.h> belongs only in ingest/postgres/", found)
        self.assertIn("daemon/text/a.cc:2: <simdjson.h> belongs only in ingest/json/", found)

    def test_heavy_header(self):
        self.plant("daemon/telemetry/a.h", "#include <prometheus/registry.h>\n")
        self.assertIn("in a header", self.found(include_direction.check_includes))

    def test_what_is_allowed_is_not_reported(self):
        self.plant("daemon/telemetry/a.cc",
                   '#include "ingest/pipeline/lane.h"\n#include <prometheus/x.h>\n')
        self.plant("tests/unit/a_test.cc", "#include <libpq-fe.h>\n")
        self.assertEqual(self.found(include_direction.check_includes), "")

    def test_long_file(self):
        self.plant("daemon/a.cc", "\n" * 401)
        self.plant("daemon/b.cc", "\n" * 400)
        self.assertEqual(self.found(house_rules.check_sizes).count("\n"), 0)
        self.assertIn("daemon/a.cc: 401", self.found(house_rules.check_sizes))

    def test_header_without_its_comment(self):
        self.plant("daemon/a.h", "#pragma once\nclass A;\n")
        self.assertIn("daemon/a.h:2", self.found(house_rules.check_headers))

    def test_machine_path_and_sleep(self):
        self.plant("tools/run", "cd /ro" + "ot/x\n")
        self.plant("tests/a_test.cc", "std::this_thread::sleep_" + "for(1s);\n// TO" + "DO\n")
        found = self.found(house_rules.check_traces)
        for place in ("tools/run:1", "tests/a_test.cc:1", "tests/a_test.cc:2"):
            self.assertIn(place, found)

    def test_readme_that_names_what_is_gone(self):
        self.plant("daemon/README.md", "first file: `gone.h`\n")
        self.assertIn("daemon/README.md:1: names gone.h", self.found(house_rules.check_readmes))
        self.assertIn("schema/README.md: is missing", self.found(house_rules.check_readmes))

    def test_test_that_is_not_built(self):
        self.plant("tests/unit/a_test.cc", "")
        case = {"name": "unit/B.C", "command": ["/x/unit_b_test"]}
        self.assertIn("tests/unit/a_test.cc",
                      self.found(built_tests.check_every_test_runs, [case]))

    def test_document_that_names_a_test_that_is_gone(self):
        self.plant("ARCHITECTURE.md", "INV-1 `GoneTest.IsGone`\nINV-2 `HereTest.IsHere`\n")
        case = {"name": "unit/HereTest.IsHere", "command": ["/x/unit_here_test"]}
        found = self.found(built_tests.check_documents, [case])
        self.assertIn("ARCHITECTURE.md:1: names the test GoneTest.IsGone", found)
        self.assertIn("no line names INV-3", found)
        self.assertNotIn("INV-2", found)

    def test_case_with_a_parameter_or_a_type_has_a_plain_name(self):
        self.plant("ARCHITECTURE.md", "`OneTest.IsHere` `TwoTest.IsHere` `ThreeTest.IsHere`\n")
        cases = [{"name": "unit/Some/OneTest.IsHere/First"}, {"name": "unit/TwoTest/0.IsHere"},
                 {"name": "unit/Many/TwoTest/1.IsElsewhere"}]
        found = self.found(built_tests.check_documents, cases)
        self.assertNotIn("names the test OneTest", found)
        self.assertNotIn("names the test TwoTest", found)
        self.assertIn("names the test ThreeTest.IsHere", found)

    def test_document_that_names_a_file_that_is_gone(self):
        self.plant("daemon/text/here.h", "")
        self.plant("docs/a.md", "see `daemon/text/here.h`\nand `daemon/text/gone.h`\n")
        self.assertEqual(self.found(documents.check_paths),
                         "docs/a.md:2: names daemon/text/gone.h, which is not there")

    def test_document_that_names_a_symbol_that_is_gone(self):
        self.plant("daemon/text/here.h", "void Here();\n")
        self.plant("docs/a.md", "`A::Here` in `daemon/text/here.h`\n`kGone` in `daemon/text/here.h`\n")
        self.assertEqual(self.found(documents.check_paths),
                         "docs/a.md:2: names kGone, which daemon/text/here.h does not have")

    def test_comment_that_cites_what_is_gone(self):
        self.plant("docs/a.md", "## The **way** back\n")
        self.plant("daemon/text/a.h", '// docs/a.md, "The way back"\n// a.md, "Gone"\n// (gone.md)\n')
        found = self.found(documents.check_citations)
        self.assertNotIn("a.h:1", found)
        self.assertIn('daemon/text/a.h:2: cites "Gone"', found)
        self.assertIn("daemon/text/a.h:3: cites gone.md", found)

    def test_header_comment_that_was_reflowed(self):
        self.plant("schema/a.h", "// Owner         one lane until\n// the end.\n"
                                 "// Units         ms; Limit  one\n//               day.\n")
        self.plant("schema/b.h", "// Source        design: \"A\"\n// " + "x" * 100 + "\n")
        fields = self.found(comments.check_fields)
        self.assertIn("schema/a.h:2: the continuation", fields)
        self.assertNotIn("schema/a.h:4", fields)
        lines = self.found(comments.check_lines)
        self.assertIn("schema/a.h:3: two fields", lines)
        self.assertIn("schema/b.h:1: cites a design document", lines)
        self.assertIn("schema/b.h:2: 103 columns", lines)

    def test_architecture_that_lacks_a_module(self):
        self.plant("ARCHITECTURE.md", "| `schema/` | values |\n| `daemon/gone/` | nothing |\n")
        found = self.found(documents.check_modules)
        self.assertNotIn("lacks schema/", found)
        self.assertIn("lacks ingest/event/", found)
        self.assertIn("has daemon/gone/", found)

    def test_failure_without_a_test(self):
        self.plant("ARCHITECTURE.md", "text\n")
        self.assertIn("has no failure table", self.found(built_tests.check_failure_table))
        self.plant("ARCHITECTURE.md", built_tests.FAILURES + "\n|---|---|---|\n"
                   "| a `GoneTest.IsNoProof` | b | `HereTest.IsHere` |\n| c `HereTest.IsHere` | d | |\n"
                   "\n| another | table | |\n")
        self.assertEqual(self.found(built_tests.check_failure_table),
                         "ARCHITECTURE.md:4: a failure without a test")


if __name__ == "__main__":
    unittest.main()
