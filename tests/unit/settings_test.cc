#include "core/settings.h"

#include <random>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/heap.h"

namespace {

using namespace numa;
using testing::HasSubstr;

using Words = std::vector<std::string>;

bool set(Settings &settings, const char *name, const Words &words, Message &why) {
    std::vector<const char *> pointers;
    for (const std::string &word : words) pointers.push_back(word.c_str());
    return find_directive(name)->set(settings, static_cast<int>(words.size()), pointers.data(),
                                     why);
}

void accept(Settings &settings, const char *name, const Words &words) {
    Message why;
    EXPECT_TRUE(set(settings, name, words, why)) << name << ": " << why.text();
    EXPECT_TRUE(why.empty()) << why.text();
}

std::string format(const Settings &settings, const char *name, int node = 0) {
    char text[64];
    find_directive(name)->format(settings, node, text, sizeof text);
    return text;
}

bool is_default(const Settings &settings, const char *name, int node = 0) {
    char text[64];
    return !find_directive(name)->format(settings, node, text, sizeof text);
}

// Everything that a Settings says, to see whether something changed.
std::string everything(const Settings &settings) {
    std::string all;
    for (const Directive *d = directives(); d->name; d++)
        for (int id = 0; id < (d->per_node ? kMaxNodes : 1); id++)
            all += format(settings, d->name, id) + "\n";
    return all;
}

// Gives the reason.
std::string refuse(const char *name, const Words &words, Settings settings = {}) {
    std::string before = everything(settings);
    Message why;
    EXPECT_FALSE(set(settings, name, words, why)) << name << " " << testing::PrintToString(words);
    EXPECT_FALSE(why.empty());
    EXPECT_EQ(everything(settings), before);
    return why.text();
}

const Words kHostileWords = {"",
                             " ",
                             "-1",
                             "+1",
                             " 1",
                             "1 ",
                             "1.5",
                             "0x10",
                             "1e3",
                             "18446744073709551615",
                             "18446744073709551616",
                             "99999999999999999999999999",
                             "-9223372036854775808",
                             "\"1\"",
                             "'auto'",
                             "%s%s%s%n",
                             "100%",
                             "1%d",
                             "yes\nno",
                             "\xff\xfe",
                             std::string(10240, 'x'),
                             std::string(10240, '9'),
                             std::string(10240, '%')};

TEST(Directives, AreFoundWithoutCase) {
    for (const char *name :
         {"numa", "NUMA", "Numa-Topology", "numa-node-backend", "numa-node-budget"})
        EXPECT_NE(find_directive(name), nullptr) << name;
    for (const char *name : {"", "num", "numa-", "numa ", "maxmemory"})
        EXPECT_EQ(find_directive(name), nullptr) << name;
}

TEST(Directives, OnlyBudgetsChangeAtRunTime) {
    for (const Directive *d = directives(); d->name; d++)
        EXPECT_EQ(d->changeable, std::string(d->name) == "numa-node-budget") << d->name;
}

TEST(Directives, DefaultsAreFormattedAsDefaults) {
    Settings settings;
    EXPECT_EQ(format(settings, "numa"), "auto");
    EXPECT_EQ(format(settings, "numa-topology"), "real");
    for (int id = 0; id < kMaxNodes; id++) {
        EXPECT_EQ(format(settings, "numa-node-backend", id), "jemalloc");
        EXPECT_EQ(format(settings, "numa-node-budget", id), "auto");
    }
    for (const Directive *d = directives(); d->name; d++)
        EXPECT_TRUE(is_default(settings, d->name)) << d->name;
}

TEST(Directives, NoHostileWordIsAValue) {
    for (const std::string &word : kHostileWords) {
        refuse("numa", {word});
        refuse("numa-topology", {word});
        refuse("numa-topology", {"virtual:" + word});
        refuse("numa-node-backend", {"1", word});
        refuse("numa-node-backend", {"1", "memkind:" + word});
        refuse("numa-node-budget", {"1", word});
        refuse("numa-node-budget", {word, "auto"});
        refuse("numa-node-backend", {word, "jemalloc"});
    }
}

TEST(Directives, AnErrorNeverPrintsMoreThanOneLineOfAWord) {
    std::string why = refuse("numa-node-budget", {std::string(10240, 'x'), "auto"});
    EXPECT_LT(why.size(), sizeof(Message));
    EXPECT_THAT(why, HasSubstr("xxx"));
    EXPECT_THAT(refuse("numa-node-budget", {"%n%s", "auto"}), HasSubstr("'%n%s'"));
}

TEST(Mode, TakesYesNoAutoInAnyCase) {
    Settings settings;
    accept(settings, "numa", {"yes"});
    EXPECT_EQ(settings.mode, Mode::on);
    accept(settings, "numa", {"NO"});
    EXPECT_EQ(settings.mode, Mode::off);
    EXPECT_FALSE(is_default(settings, "numa"));
    accept(settings, "numa", {"Auto"});
    EXPECT_EQ(settings.mode, Mode::automatic);
}

TEST(Mode, RefusesOtherWordsAndNumbersOfWords) {
    EXPECT_THAT(refuse("numa", {"maybe"}), HasSubstr("'yes', 'no' or 'auto'"));
    EXPECT_THAT(refuse("numa", {}), HasSubstr("one value"));
    EXPECT_THAT(refuse("numa", {"yes", "no"}), HasSubstr("one value, not 2"));
}

TEST(TopologyDirective, TakesRealAndOneToSixteenVirtualNodes) {
    Settings settings;
    for (int nodes = 1; nodes <= kMaxNodes; nodes++) {
        accept(settings, "numa-topology", {"virtual:" + std::to_string(nodes)});
        EXPECT_EQ(settings.virtual_nodes, nodes);
    }
    accept(settings, "numa-topology", {"REAL"});
    EXPECT_EQ(settings.virtual_nodes, 0);
    accept(settings, "numa-topology", {"Virtual:3"});
    EXPECT_EQ(settings.virtual_nodes, 3);
}

TEST(TopologyDirective, RefusesEverythingElse) {
    for (const char *word :
         {"virtual", "virtual:", "virtual:0", "virtual:17", "virtual:3x", "virtual: 3",
          "virtual:-1", "virtual:4294967297", "vitual:3", "really", "3"})
        EXPECT_THAT(refuse("numa-topology", {word}), HasSubstr("1 to 16")) << word;
    refuse("numa-topology", {});
    refuse("numa-topology", {"virtual:2", "virtual:2"});
}

TEST(Backend, TakesJemalloc) {
    Settings settings;
    settings.node[3].backend = Backend::memkind;
    std::snprintf(settings.node[3].kind, kKindBytes, "regular");
    accept(settings, "numa-node-backend", {"3", "JEMALLOC"});
    EXPECT_EQ(settings.node[3].backend, Backend::jemalloc);
    EXPECT_STREQ(settings.node[3].kind, "");
}

TEST(Backend, RefusesOddWordsAndUnknownNames) {
    refuse("numa-node-backend", {"1"});
    refuse("numa-node-backend", {"1", "jemalloc", "2"});
    for (const char *word : {"malloc", "memkin", "memkindx", "memkind:", "memkind-regular",
                             "memkind:no-such-kind", "jemalloc:x"})
        refuse("numa-node-backend", {"1", word});
}

#ifdef NUMA_WITH_MEMKIND
TEST(Backend, TakesMemkindWithAndWithoutAKind) {
    Settings settings;
    accept(settings, "numa-node-backend", {"1", "memkind", "2", "MEMKIND:dax-kmem"});
    EXPECT_EQ(settings.node[1].backend, Backend::memkind);
    EXPECT_STREQ(settings.node[1].kind, "");
    EXPECT_EQ(settings.node[2].backend, Backend::memkind);
    EXPECT_STREQ(settings.node[2].kind, "dax-kmem");
    EXPECT_EQ(format(settings, "numa-node-backend", 1), "memkind");
    EXPECT_EQ(format(settings, "numa-node-backend", 2), "memkind:dax-kmem");
}

TEST(Backend, EveryKindThatItNamesIsOneThatItTakes) {
    std::string names = memkind_kind_names();
    size_t kinds = 0;
    for (size_t at = 0; at < names.size(); kinds++) {
        size_t end = std::min(names.find(", ", at), names.size());
        Settings settings;
        accept(settings, "numa-node-backend", {"1", "memkind:" + names.substr(at, end - at)});
        at = end + 2;
    }
    EXPECT_GE(kinds, 5u);
    EXPECT_THAT(refuse("numa-node-backend", {"1", "memkind:tape"}), HasSubstr(names));
}

TEST(Backend, AKindOfOneNodeDoesNotStickToTheNext) {
    Settings settings;
    accept(settings, "numa-node-backend", {"1", "memkind:regular"});
    accept(settings, "numa-node-backend", {"1", "memkind"});
    EXPECT_STREQ(settings.node[1].kind, "");
}
#else
TEST(Backend, MemkindIsRefusedWhereItIsNotBuiltIn) {
    EXPECT_THAT(refuse("numa-node-backend", {"1", "memkind"}), HasSubstr("MEMKIND=no"));
}
#endif

TEST(Budget, TakesBytesWithUnits) {
    const struct {
        const char *word;
        size_t bytes;
    } cases[] = {{"0", 0},
                 {"1", 1},
                 {"7b", 7},
                 {"2k", 2000},
                 {"2kb", 2048},
                 {"3M", 3000000},
                 {"3mB", 3u << 20},
                 {"4g", 4000000000},
                 {"4GB", size_t{4} << 30},
                 {"auto", kBudgetAuto},
                 {"AUTO", kBudgetAuto},
                 {"1024gb", kLargestBudget},
                 {"1099511627776", kLargestBudget}};
    for (const auto &c : cases) {
        Settings settings;
        accept(settings, "numa-node-budget", {"5", c.word});
        EXPECT_EQ(settings.node[5].budget, c.bytes) << c.word;
    }
}

TEST(Budget, RefusesTooMuchAndNonsense) {
    for (const char *word : {"1025gb", "1099511627777", "17179869184gb", "18446744073709551615kb",
                             "1tb", "mb", "5 mb", "5mbx", "-5mb", "auto1"})
        EXPECT_THAT(refuse("numa-node-budget", {"1", word}), HasSubstr("1099511627776")) << word;
    refuse("numa-node-budget", {"1", "1mb", "2"});
    for (const char *node : {"16", "17", "4294967296", "18446744073709551616", "one"})
        EXPECT_THAT(refuse("numa-node-budget", {node, "1mb"}), HasSubstr("0 to 15")) << node;
}

TEST(ParseBytes, NeverWrapsAround) {
    size_t bytes = 42;
    EXPECT_FALSE(parse_bytes("17179869184gb", bytes));
    EXPECT_FALSE(parse_bytes("18446744073709551616", bytes));
    EXPECT_EQ(bytes, 42u);
    EXPECT_TRUE(parse_bytes("17179869183gb", bytes));
    EXPECT_EQ(bytes, 17179869183u << 30);
    EXPECT_TRUE(parse_bytes("18446744073709551615", bytes));
    EXPECT_EQ(bytes, SIZE_MAX);
}

TEST(Pairs, AllOrNothing) {
    Settings settings;
    accept(settings, "numa-node-budget", {"1", "1mb", "2", "2mb"});
    refuse("numa-node-budget", {"1", "7mb", "2", "bad"}, settings);
    refuse("numa-node-budget", {"1", "7mb", "16", "1mb"}, settings);
    refuse("numa-node-budget", {"1", "7mb", "2"}, settings);
    refuse("numa-node-backend", {"1", "jemalloc", "2", "bad"}, settings);
}

TEST(Pairs, OnlyTheNamedNodesChange) {
    Settings settings;
    accept(settings, "numa-node-budget", {"1", "1mb", "2", "2mb"});
    accept(settings, "numa-node-budget", {"2", "3mb", "4", "4mb"});
    EXPECT_EQ(settings.node[1].budget, 1u << 20);
    EXPECT_EQ(settings.node[2].budget, 3u << 20);
    EXPECT_EQ(settings.node[4].budget, 4u << 20);
    EXPECT_EQ(settings.node[3].budget, kBudgetAuto);
}

TEST(Pairs, TheLastWordOnANodeHolds) {
    Settings settings;
    accept(settings, "numa-node-budget", {"1", "1mb", "1", "2mb"});
    EXPECT_EQ(settings.node[1].budget, 2u << 20);
}

// ---- What is written is read back as the same ----

class RandomSettings {
  public:
    explicit RandomSettings(unsigned seed) : random_(seed) {}

    Settings next() {
        Settings settings;
        settings.mode = static_cast<Mode>(below(3));
        settings.virtual_nodes = static_cast<int>(below(kMaxNodes + 1));
        for (NodeSettings &node : settings.node) {
            node.budget = random_budget();
            if (memkind_built_in() && below(2)) set_random_kind(node);
        }
        return settings;
    }

  private:
    size_t below(size_t n) { return random_() % n; }

    // Every magnitude alike.
    size_t random_budget() {
        if (!below(4)) return kBudgetAuto;
        return below(8) ? random_() >> (24 + below(40)) : kLargestBudget;
    }

    void set_random_kind(NodeSettings &node) {
        static const char *const kinds[] = {"", "dax-kmem", "regular",
                                            "highest-capacity-preferred"};
        node.backend = Backend::memkind;
        std::snprintf(node.kind, sizeof node.kind, "%s", kinds[below(4)]);
    }

    std::mt19937_64 random_;
};

TEST(Settings, WhatFormatWritesSetReads) {
    RandomSettings random(20261122);
    for (int round = 0; round < 2000; round++) {
        Settings original = random.next(), copy;
        for (const Directive *d = directives(); d->name; d++) {
            Words words;
            for (int id = 0; id < (d->per_node ? kMaxNodes : 1); id++) {
                if (d->per_node) words.push_back(std::to_string(id));
                words.push_back(format(original, d->name, id));
            }
            accept(copy, d->name, words);
        }
        ASSERT_EQ(everything(copy), everything(original));
        ASSERT_EQ(copy.mode, original.mode);
        ASSERT_EQ(copy.virtual_nodes, original.virtual_nodes);
        for (int id = 0; id < kMaxNodes; id++) {
            ASSERT_EQ(copy.node[id].budget, original.node[id].budget);
            ASSERT_EQ(copy.node[id].backend, original.node[id].backend);
            ASSERT_STREQ(copy.node[id].kind, original.node[id].kind);
        }
    }
}

}  // namespace
