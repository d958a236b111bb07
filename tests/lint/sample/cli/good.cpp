auto t = std::chrono::steady_clock::now();
std::unordered_map<int, int> m;
