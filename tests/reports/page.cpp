#include "unplug/reports/page/page.hpp"

#include <doctest/doctest.h>

namespace unplug::reports {

TEST_CASE("entries hang under their own first column") {
  Page page({.width = 40});
  page.entry("at", "a sentence that is longer than the page is wide");
  page.entry_at("ended by", 11, "short", Style::plain, 4);
  page.entry_at("", 11, "another", Style::plain, 4);
  CHECK(page.take() == "  at a sentence that is longer than the\n"
                       "     page is wide\n"
                       "    ended by   short\n"
                       "               another\n");
}

TEST_CASE("a label that leaves no room stands above its text") {
  Page page({.width = 40});
  page.entry("a label longer than half of the page", "and its text");
  page.entry_at("", 30, "no label at all", Style::plain, 0);
  page.command("a command, not its trailing spaces  ", 2);
  CHECK(page.take() ==
        "  a label longer than half of the page\n    and its text\n  no label at all\n  a command, not its trailing spaces\n");
}

TEST_CASE("gaps don't add up, and no page begins with one") {
  Page page({.width = 40});
  page.gap();
  page.line("a");
  page.gap();
  page.gap();
  page.line("b");
  CHECK(page.take() == "a\n\nb\n");
}

TEST_CASE("a table gives way in order: columns to their least, then gaps, then everything") {
  const auto table_at = [](std::size_t width) {
    Table table;
    table.columns = {{{"policy"}, false, 6}, {{"what"}, false, 12}, {{"n"}, true, 3}};
    table.rows.push_back({{{{"rcu-revoke"}}, {{"use-after-free here"}}, {{"123"}}}, {{"below", Style::plain}}});
    Page page({.width = width});
    page.table(table);
    return page.take();
  };
  CHECK(table_at(60) == "policy      what                   n\n"
                        "------------------------------------\n"
                        "rcu-revoke  use-after-free here  123\n"
                        "    below\n");
  Table wide;
  wide.columns = {{{"a"}, false, 20}, {{"b"}, false, 20}};
  wide.rows.push_back({{{{"12345678901234567890"}}, {{"12345678901234567890"}}}, {}});
  Page page({.width = 41});
  page.table(wide);
  CHECK(page.take() == "a                    b\n"
                       "-----------------------------------------\n"
                       "12345678901234567890 12345678901234567890\n");
  Page narrow({.width = 40});
  narrow.table(wide);
  CHECK(narrow.take() == "a                   b\n"
                         "----------------------------------------\n"
                         "1234567890123456789 12345678901234567890\n"
                         "0\n");
}

TEST_CASE("colour surrounds words, never the spaces that align them") {
  Page page({.width = 40, .colour = true});
  Table table;
  table.columns = {{{"p"}, false, 4}, {{"n"}, true, 4}};
  table.rows.push_back({{{{"a", Style::bad}}, {{"1", Style::good}}}, {}});
  table.rows.push_back({{{{"longer", Style::plain}}, {{"", Style::bad}}}, {}});
  page.table(table);
  CHECK(page.take() == "\x1b[1mp\x1b[0m       \x1b[1mn\x1b[0m\n"
                       "\x1b[2m---------\x1b[0m\n"
                       "\x1b[1;31ma\x1b[0m       \x1b[32m1\x1b[0m\n"
                       "longer\n");
}

}  // namespace unplug::reports
