#include "unplug/model/memory.hpp"  // bad: sim includes what stands above it
#include "unplug/embedded/scenarios/x.hpp"  // bad: sim includes what stands above it
#include "../sim/x.hpp"  // bad: include by relative path
#include "unplug/sim/x.hpp"

std::uniform_int_distribution<int> d(0, 1);  // bad: a std:: distribution
void a() { std::shuffle(v.begin(), v.end(), g); }  // bad: its draws differ
void b() { std::ranges::shuffle(v, g); }  // bad: its draws differ
std::random_device r;  // bad: a generator outside our control
std::mt19937 g;  // bad: a generator outside our control
std::mt19937_64 g64;  // bad: a generator outside our control
int c = rand();  // bad: a hidden global generator
auto t = std::chrono::steady_clock::now();  // bad: the wall clock
auto u = std::chrono::system_clock::now();  // bad: the wall clock
using H = std::hash<int>;  // bad: std::hash
std::unordered_map<int, int> m;  // bad: unordered iteration
std::unordered_set<int> s;  // bad: unordered iteration
std::map<const Task*, int> by_address;  // bad: ordered by address
std::unordered_map<int, int> n;  // lint: lookup only
double x = 1;  // bad: floating point
float y = 2;  // bad: floating point
void e() { boost::this_fiber::sleep_for(1s); }  // bad: sleeps on the wall clock
// TODO: later  // bad: a promise in the code
int z = 1'000; double w;  // bad: floating point
char q = '"'; float v;  // bad: floating point

void f() { assert(x < 3); }  // bad: ends the process like a crash
void g() { std::abort(); }  // bad: ends the process like a crash

// Nothing below is bad: words inside comments, literals and longer names.
// double, std::shuffle, steady_clock
/* float
   double */ int after_comment;
const char* text = "double \" float // std::hash";
const char* raw = R"json({"type": "float",
  "double": 1})json";
int double_free, undouble, brand(int);
static_assert(sizeof(int) == 4); void do_assert(int);
std::map<int, Task*> by_id;
void suspend_until(const std::chrono::steady_clock::time_point&) noexcept override {}  // lint: signature of the base class
const char* quoted = "a \" b"; double p;  // bad: floating point
