#include "core/message.h"

#include <string>

#include <gtest/gtest.h>

namespace {

using numa::Message;

TEST(Message, IsEmptyUntilSet) {
    Message message;
    EXPECT_TRUE(message.empty());
    EXPECT_STREQ(message.text(), "");
    message.set("node %d: %s", 3, "full");
    EXPECT_FALSE(message.empty());
    EXPECT_STREQ(message.text(), "node 3: full");
}

TEST(Message, TheLastTextReplacesALongerOne) {
    Message message;
    message.set("%s", std::string(200, 'x').c_str());
    message.set("short");
    EXPECT_STREQ(message.text(), "short");
    message.set("%s", "");
    EXPECT_TRUE(message.empty());
}

TEST(Message, PercentSignsInAnArgumentAreText) {
    Message message;
    message.set("'%s'", "%s%n%d 100%");
    EXPECT_STREQ(message.text(), "'%s%n%d 100%'");
}

TEST(Message, ALongTextIsCutNotOverrun) {
    struct {
        Message message;
        char behind = 'B';
    } guarded;
    guarded.message.set("%s", std::string(10000, 'y').c_str());
    EXPECT_EQ(std::string(guarded.message.text()), std::string(sizeof(Message) - 1, 'y'));
    EXPECT_EQ(guarded.behind, 'B');
}

TEST(Message, CopiesAreIndependent) {
    Message first;
    first.set("first");
    Message second = first;
    first.set("changed");
    EXPECT_STREQ(second.text(), "first");
}

}  // namespace
