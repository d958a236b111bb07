#include "unplug/model/memory.hpp"  // bad: sim includes what stands above it
auto t = std::chrono::high_resolution_clock::now();  // bad: the wall clock
double allowed_in_tests;
// A title cut in two by CTest.
TEST_CASE("one; two") {  // bad: a title
TEST_CASE(
    "a long one; on a line of its own") {  // bad: a title
TEST_CASE("one, two") { f(";"); }
TEST_CASE("three; "  // bad: a title
          "four") {
TEST_CASE("srcu 3.2, 15: readers are waited for") {  // bad: a title that cites
TEST_CASE("work 9 (b): cancelling from inside") {  // bad: a title that cites
TEST_CASE("flush 9 (c), (e): from inside") {  // bad: a title that cites
TEST_CASE("r592: two of 3") {
// Checks that can't fail.
CHECK(true);  // bad: a check that can't fail
REQUIRE_MESSAGE(1, "as ever");  // bad: a check that can't fail
CHECK(true_or_not());
CHECK(1 == f());
