#include "process.h"

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <vector>

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

namespace test {
namespace {

std::string read_all(int fd) {
    std::string text;
    char chunk[4096];
    for (ssize_t got; (got = read(fd, chunk, sizeof chunk)) > 0;)
        text.append(chunk, static_cast<size_t>(got));
    return text;
}

[[noreturn]] void run_child(int fd, const std::function<std::string()> &body) {
    alarm(60);
    std::string text = body();
    bool wrote = write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
    _exit(wrote ? 0 : 1);
}

size_t pages_in_core(uintptr_t first, uintptr_t last) {
    size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE)), pages = 0;
    std::vector<unsigned char> in_core((last - first) / page);
    if (mincore(reinterpret_cast<void *>(first), last - first, in_core.data()) != 0) return 0;
    for (unsigned char bits : in_core) pages += bits & 1;
    return pages * page;
}

}  // namespace

std::string in_child(const std::function<std::string()> &body) {
    int ends[2];
    if (pipe(ends) != 0) return "no pipe";
    pid_t child = fork();
    if (child < 0) return "no child";
    if (child == 0) {
        close(ends[0]);
        run_child(ends[1], body);
    }
    close(ends[1]);
    std::string text = read_all(ends[0]);
    close(ends[0]);
    int status;
    if (waitpid(child, &status, 0) != child) return "lost the child";
    if (WIFSIGNALED(status)) return "killed by signal " + std::to_string(WTERMSIG(status));
    if (WEXITSTATUS(status)) return "exit code " + std::to_string(WEXITSTATUS(status));
    return text;
}

size_t address_space() {
    size_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    return pages * static_cast<size_t>(sysconf(_SC_PAGESIZE));
}

// A mapping of one slot and a mapping of the next are one to the kernel where they meet.
size_t resident_in(const void *base, size_t size) {
    uintptr_t begin = reinterpret_cast<uintptr_t>(base), end = begin + size, from = 0, to = 0;
    size_t bytes = 0, kilobytes;
    std::ifstream maps("/proc/self/smaps");
    for (std::string line; std::getline(maps, line);) {
        if (std::sscanf(line.c_str(), "%lx-%lx ", &from, &to) == 2) continue;
        if (std::sscanf(line.c_str(), "Rss: %zu kB", &kilobytes) != 1 || !kilobytes) continue;
        uintptr_t first = std::max(from, begin), last = std::min(to, end);
        if (first < last) bytes += pages_in_core(first, last);
    }
    return bytes;
}

}  // namespace test
