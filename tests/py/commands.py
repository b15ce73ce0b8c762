"""Random commands on every type, and their replies without what may differ by chance or time."""

from hypothesis import strategies as st

NEXT_ID = "<next stream id>"  # whoever runs the command puts an id here that is still free
FAR_FUTURE = 4_000_000_000


def keys(letter: str) -> st.SearchStrategy:
    return st.sampled_from([f"{letter}0", f"{letter}1"])


LETTERS = "slhztx"  # string, list, hash, sorted set, set ("t"), stream
ANY_KEY = st.one_of([keys(letter) for letter in LETTERS])

# Small integers, short, longer than a ziplist takes, compressible.
KINDS = ("{}", "element:{}", "{}:" + "x" * 70, "{}:" + "lzf " * 60)
NUMBER = st.integers(0, 63)
ELEMENT = st.one_of(
    st.builds(str.format, st.sampled_from(KINDS), NUMBER),
    st.sampled_from(["", "a", "-1", "1.5", b"\x00\r\n\xff", "9" * 19]),
)
# Many elements for the price of three draws: what hypothesis draws per example is bounded.
ELEMENTS = st.builds(
    lambda kind, first, count: [kind.format(first + i) for i in range(count)],
    st.sampled_from(KINDS),
    NUMBER,
    st.integers(1, 40),
)
INDEX = st.integers(-12, 12)
SCORE = st.one_of(st.integers(-5, 30), st.sampled_from(["1.5", "-inf", "+inf", "3e100", "x"]))


def command(*parts: object) -> st.SearchStrategy:
    """A tuple of words; a part that draws a list gives several."""
    strategies = [p if isinstance(p, st.SearchStrategy) else st.just(p) for p in parts]

    def flat(words: tuple) -> tuple:
        several = [w if isinstance(w, list | tuple) else [w] for w in words]
        return tuple(word for words in several for word in words)

    return st.tuples(*strategies).map(flat)


def with_values(elements: list[str]) -> list[str]:
    """field value field value …"""
    return [word for element in elements for word in (element, element[::-1])]


def with_scores(elements: list[str]) -> list[object]:
    return [word for i, element in enumerate(elements) for word in (i * 7 % 31, element)]


def string_commands() -> list[st.SearchStrategy]:
    key = keys("s")
    return [
        command("SET", key, ELEMENT),
        command("SET", key, ELEMENT, "EXAT", FAR_FUTURE),
        command("MSET", "s0", ELEMENT, "s1", ELEMENT),
        command("APPEND", key, ELEMENT),
        command("SETRANGE", key, st.integers(0, 3000), ELEMENT),
        command("SETBIT", key, st.integers(0, 20000), st.integers(0, 1)),
        command("INCRBY", key, st.integers(-50, 50)),
        command("INCRBYFLOAT", key, st.sampled_from(["0.5", "-3"])),
        command("GET", key),
        command("GETRANGE", key, INDEX, INDEX),
        command("GETSET", key, ELEMENT),
        command("BITCOUNT", key),
    ]


def list_commands() -> list[st.SearchStrategy]:
    key, side = keys("l"), st.sampled_from(["LEFT", "RIGHT"])
    return [
        command(st.sampled_from(["LPUSH", "RPUSH"]), key, ELEMENTS),
        command(st.sampled_from(["LPUSH", "RPUSH"]), key, ELEMENTS),
        command(st.sampled_from(["LPOP", "RPOP"]), key, st.integers(0, 6)),
        command("LINSERT", key, st.sampled_from(["BEFORE", "AFTER"]), ELEMENT, ELEMENT),
        command("LSET", key, INDEX, ELEMENT),
        command("LREM", key, st.integers(-2, 2), ELEMENT),
        command("LTRIM", key, st.integers(0, 3), st.integers(-4, -1)),
        command("LINDEX", key, INDEX),
        command("LPOS", key, ELEMENT),
        command("LMOVE", key, keys("l"), side, side),
        command("LRANGE", key, 0, -1),
        command("SORT", key, "ALPHA"),
    ]


def hash_commands() -> list[st.SearchStrategy]:
    key = keys("h")
    return [
        command("HSET", key, ELEMENTS.map(with_values)),
        command("HSET", key, ELEMENT, ELEMENT),
        command("HDEL", key, ELEMENTS),
        command("HINCRBY", key, ELEMENT, st.integers(-9, 9)),
        command("HGET", key, ELEMENT),
        command("HSTRLEN", key, ELEMENT),
        command("HGETALL", key),
        command("HLEN", key),
    ]


def set_commands() -> list[st.SearchStrategy]:
    key = keys("t")
    return [
        command("SADD", key, NUMBER, -5, 70_000),
        command("SADD", key, ELEMENTS),
        command("SREM", key, ELEMENTS),
        command("SMOVE", key, keys("t"), ELEMENT),
        command("SISMEMBER", key, ELEMENT),
        command("SMEMBERS", key),
        command(st.sampled_from(["SUNION", "SINTER", "SDIFF"]), key, keys("t")),
        command(st.sampled_from(["SUNIONSTORE", "SDIFFSTORE"]), key, keys("t"), keys("t")),
    ]


def zset_commands() -> list[st.SearchStrategy]:
    key = keys("z")
    return [
        command("ZADD", key, ELEMENTS.map(with_scores)),
        command("ZADD", key, SCORE, ELEMENT),
        command("ZINCRBY", key, SCORE, ELEMENT),
        command("ZREM", key, ELEMENTS),
        command("ZREMRANGEBYRANK", key, INDEX, INDEX),
        command("ZREMRANGEBYSCORE", key, st.integers(0, 30), st.integers(0, 30)),
        command(st.sampled_from(["ZPOPMIN", "ZPOPMAX"]), key, st.integers(0, 5)),
        command("ZSCORE", key, ELEMENT),
        command(st.sampled_from(["ZRANK", "ZREVRANK"]), key, ELEMENT),
        command(st.sampled_from(["ZRANGE", "ZREVRANGE"]), key, 0, -1, "WITHSCORES"),
        command("ZRANGEBYSCORE", key, "(2", "20", "LIMIT", 1, 7),
        command("ZUNIONSTORE", key, 2, keys("z"), keys("z"), "WEIGHTS", 1, 2),
    ]


def stream_commands() -> list[st.SearchStrategy]:
    key = keys("x")
    group, consumer = st.sampled_from(["g1", "g2"]), st.sampled_from(["c1", "c2", "consumer:3"])
    old_id = st.integers(0, 40).map(lambda n: f"{n}-1")
    add = command("XADD", key, NEXT_ID, ELEMENT, ELEMENT)
    read = command("XREADGROUP", "GROUP", group, consumer, "COUNT", 9, "STREAMS", key, ">")
    old_ids = st.lists(old_id, min_size=1, max_size=4)
    return [
        add,
        add,
        add,
        read,
        read,
        command("XGROUP", "CREATE", key, group, old_id, "MKSTREAM"),
        command("XGROUP", "SETID", key, group, old_id),
        command("XGROUP", "DESTROY", key, group),
        command("XGROUP", st.sampled_from(["DELCONSUMER", "CREATECONSUMER"]), key, group, consumer),
        command("XREADGROUP", "GROUP", group, consumer, "STREAMS", key, "0"),
        command("XACK", key, group, old_ids),
        command("XCLAIM", key, group, consumer, 0, old_ids),
        command("XAUTOCLAIM", key, group, consumer, 0, old_id, "COUNT", 5),
        command("XPENDING", key, group),
        command("XINFO", "GROUPS", key),
        command("XINFO", "CONSUMERS", key, group),
        command("XDEL", key, old_ids),
        command("XTRIM", key, "MAXLEN", st.integers(0, 30)),
        command("XRANGE", key, "-", "+"),
        command("XREVRANGE", key, "+", "-", "COUNT", 4),
    ]


def generic_commands() -> list[st.SearchStrategy]:
    key = ANY_KEY
    same_type = st.sampled_from(LETTERS).flatmap(lambda c: st.tuples(keys(c), keys(c)))
    return [
        command("SELECT", st.integers(0, 1)),
        command("RENAME", key, key),
        command("RENAME", same_type),
        command("RENAMENX", same_type),
        command("COPY", same_type, "REPLACE"),
        command("COPY", key, key),
        command("MOVE", key, 1),
        command("DEL", key),
        command("UNLINK", key),
        command("EXPIREAT", key, st.sampled_from([1, FAR_FUTURE])),
        command("PERSIST", key),
        command("TTL", key),
        command("TYPE", key),
        command("TOUCH", key),
        command("OBJECT", "ENCODING", key),
        command("OBJECT", "REFCOUNT", key),
        command("KEYS", "*"),
        command("DBSIZE"),
    ]


# Every type in every encoding, and streams with groups and pending entries.
START = [
    ("SET", "s0", "raw " * 50),
    ("SET", "s1", 12345),
    ("RPUSH", "l0", *(KINDS[3].format(i) for i in range(30))),
    ("RPUSH", "l1", *range(5)),
    ("HSET", "h0", *with_values([f"element:{i}" for i in range(30)])),
    ("HSET", "h1", "a", "1", "b", "2"),
    ("ZADD", "z0", *with_scores([f"element:{i}" for i in range(30)])),
    ("ZADD", "z1", 1, "a", 2, "b"),
    ("SADD", "t0", *(f"element:{i}" for i in range(30))),
    ("SADD", "t1", 1, 2, 3),
    *(("XADD", "x0", NEXT_ID, "field", f"value:{i}") for i in range(20)),
    ("XGROUP", "CREATE", "x0", "g1", 0),
    ("XGROUP", "CREATE", "x0", "g2", 0),
    ("XREADGROUP", "GROUP", "g1", "c1", "COUNT", 7, "STREAMS", "x0", ">"),
    ("XREADGROUP", "GROUP", "g1", "c2", "COUNT", 7, "STREAMS", "x0", ">"),
    ("XREADGROUP", "GROUP", "g2", "c1", "STREAMS", "x0", ">"),
]


def any_command() -> st.SearchStrategy:
    types = [string_commands, list_commands, hash_commands, set_commands, zset_commands]
    return st.one_of([st.one_of(each()) for each in [*types, stream_commands, generic_commands]])


COMMAND = st.deferred(any_command)  # deferred: its repr would be 30 kB

UNORDERED = {"SMEMBERS", "SUNION", "SINTER", "SDIFF", "KEYS"}


def pairs(flat: list) -> list[tuple]:
    return list(zip(flat[::2], flat[1::2], strict=True))


def comparable(words: tuple, reply: object) -> object:
    """The reply without the order of hash tables and without ages."""
    name = str(words[0]).upper()
    if name == "TTL":
        return min(reply, 0) if isinstance(reply, int) else reply
    if not isinstance(reply, list):
        return reply
    if name in UNORDERED:
        return sorted(reply)
    if name == "HGETALL":
        return sorted(pairs(reply))
    if words[:2] == ("XINFO", "CONSUMERS"):
        return [[pair for pair in pairs(consumer) if pair[0] != b"idle"] for consumer in reply]
    return reply


def key_of(words: tuple) -> object | None:
    """A key that the command is about, to move it just before."""
    if words[0] in ("SELECT", "KEYS", "DBSIZE"):
        return None
    if words[0] == "XREADGROUP":
        return words[-2]
    return words[2] if words[0] in ("XGROUP", "XINFO", "OBJECT") else words[1]
