auto t = std::chrono::steady_clock::now();
std::mt19937 g;  // bad: a generator outside our control
