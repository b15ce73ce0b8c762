// One line of text for a person: what went wrong and what to do about it.
// Value type, no allocation, safe before and without any allocator.
#pragma once

#include <cstdarg>
#include <cstdio>

namespace numa {

class Message {
  public:
    [[gnu::format(printf, 2, 3)]] void set(const char *format, ...) noexcept {
        va_list args;
        va_start(args, format);
        std::vsnprintf(text_, sizeof text_, format, args);
        va_end(args);
    }
    const char *text() const noexcept { return text_; }
    bool empty() const noexcept { return text_[0] == '\0'; }

  private:
    char text_[256] = "";
};

}  // namespace numa
