// unplug diff: two forms of a file, two stored results, a listing.
#include <string>

#include <doctest/doctest.h>

#include "program.hpp"
#include "support/golden.hpp"

using namespace unplug::test;

TEST_CASE("diff: what a fix fixes with its evidence, and its text, and exit 0 as nothing is introduced") {
  const Folder f("diff_forms");
  const Ran ran = run_unplug("diff scenarios/zram-sysfs-lock.json --forms 'lock first' 'attributes first' --quiet --out " + f / "out");
  CHECK(ran.code == 0);
  check_golden("cli/diff/forms.txt", ran.out);
  const Ran back = run_unplug("diff scenarios/zram-sysfs-lock.json --forms 'attributes first' 'lock first' --quiet --out " + f / "out");
  CHECK(back.code == 1);
  CHECK(back.out.find("introduces  deadlock(reset)@zram_remove") != std::string::npos);
  const Ran json = run_unplug("diff scenarios/zram-sysfs-lock.json --forms 'lock first' 'attributes first' --json --out " + f / "out");
  CHECK(json.out.starts_with("{\n  \"unplug\": \"changes/1\""));
}

TEST_CASE("diff: a listing, and the text alone, run nothing") {
  check_golden("cli/diff/listing.txt", run_unplug("diff scenarios/zram-sysfs-lock.json --listing 'lock first'").out);
  const Ran text = run_unplug("diff scenarios/zram-sysfs-lock.json --forms 'lock first' 'attributes first' --text");
  CHECK(text.code == 0);
  CHECK(text.out.starts_with("--- scenarios/zram-sysfs-lock.json (lock first)\n+++ "));
}

TEST_CASE("diff: two stored results, by scenario, member, form and policy") {
  const Folder f("diff_results");
  const std::string run = "prove scenarios/zram-sysfs-lock.json --json --out " + f / "out" + " > ";
  CHECK(run_unplug(run + f / "a.json").code != 2);
  const Ran same = run_unplug("diff " + f / "a.json" + " " + f / "a.json");
  CHECK(same.code == 0);
  CHECK(same.out.find("leaves      deadlock(reset)@zram_remove") != std::string::npos);
  CHECK(same.out.find("introduces") == std::string::npos);
}

TEST_CASE("diff: mistakes are usage errors") {
  CHECK(run_unplug("diff scenarios/zram-sysfs-lock.json 2>&1").code == 2);
  const Ran form = run_unplug("diff scenarios/zram-sysfs-lock.json --forms 'lock fist' 'attributes first' 2>&1");
  CHECK(form.code == 2);
  CHECK(form.out.find("did you mean 'lock first'?") != std::string::npos);
  CHECK(run_unplug("diff no/such.json neither.json 2>&1").code == 2);
}
