"""Ordinary commands answer as the unpatched server does, whether NUMA support is on or off.

What may differ is listed here: ADDED_* is the whole documented difference.
"""

import pytest
from resp import Error, Wire

ADDED_COMMANDS = {b"numamigrate"}
ADDED_DIRECTIVES = {b"numa", b"numa-topology", b"numa-node-backend", b"numa-node-budget"}
ADDED_INFO_SECTIONS = {"Numa"}
ADDED_INFO_FIELDS: set[str] = set()  # in upstream's own sections

# Directives whose value names the place or the port of the server.
OWN_DIRECTIVES = {b"dir", b"port", b"tls-port", b"pidfile", b"cluster-announce-port"}

BIG = "x" * 3000
COMMANDS = [
    # strings
    ["SET", "s", "value"],
    ["SET", "s", "other", "NX"],
    ["SET", "s", "value", "KEEPTTL", "GET"],
    ["SET", "s", "v", "EX", "0"],
    ["GET", "s"],
    ["GETDEL", "nothing"],
    ["APPEND", "s", BIG],
    ["STRLEN", "s"],
    ["SETRANGE", "s", 10, "abc"],
    ["GETRANGE", "s", 5, 15],
    ["SET", "i", 7],
    ["INCR", "i"],
    ["INCRBYFLOAT", "i", "0.5"],
    ["INCR", "i"],
    ["SET", "shared", 5],
    ["MSET", "m1", 1, "m2", "two"],
    ["MGET", "m1", "m2", "m3"],
    ["SETBIT", "bits", 100, 1],
    ["BITCOUNT", "bits"],
    ["BITFIELD", "bits", "GET", "u8", 96],
    ["PFADD", "hll", "a", "b", "c"],
    ["PFCOUNT", "hll"],
    # lists
    ["RPUSH", "l", *range(200)],
    ["LRANGE", "l", 0, 9],
    ["LSET", "l", 3, BIG],
    ["LINSERT", "l", "BEFORE", 7, "six and a half"],
    ["LPOS", "l", 9],
    ["LREM", "l", 1, 11],
    ["LMOVE", "l", "l2", "LEFT", "RIGHT"],
    ["LPOP", "l", 2],
    ["SORT", "l", "LIMIT", 0, 5, "ALPHA", "DESC"],
    # hashes
    ["HSET", "h", "a", 1, "b", 2],
    ["HSET", "hbig", "field", BIG],
    ["HGETALL", "h"],
    ["HINCRBY", "h", "a", 5],
    ["HINCRBYFLOAT", "h", "b", "1.25"],
    ["HINCRBY", "h", "b", 1],
    ["HMGET", "h", "a", "none"],
    ["HDEL", "h", "none"],
    ["HSETNX", "h", "a", 9],
    # sets
    ["SADD", "t", 1, 2, 3],
    ["SADD", "words", "a"],
    ["SMISMEMBER", "t", 1, 9],
    ["SINTERSTORE", "t3", "t", "t"],
    ["SRANDMEMBER", "words"],
    ["SCARD", "t"],
    ["SMEMBERS", "t"],
    # sorted sets
    ["ZADD", "z", 1, "a", 2, "b", "3.5", "c"],
    ["ZADD", "zbig", 1, BIG, 2, "small"],
    ["ZINCRBY", "z", 10, "a"],
    ["ZRANGE", "z", 0, -1, "WITHSCORES"],
    ["ZRANGE", "z", "(1", "+inf", "BYSCORE", "LIMIT", 0, 1],
    ["ZRANK", "z", "c"],
    ["ZMSCORE", "z", "a", "none"],
    ["ZRANGESTORE", "z2", "z", 0, 1],
    ["ZPOPMIN", "zbig"],
    ["GEOADD", "geo", "13.361389", "38.115556", "Palermo"],
    ["GEOPOS", "geo", "Palermo"],
    # streams
    ["XADD", "x", "1-1", "f", "v"],
    ["XADD", "x", "1-1", "f", "v"],
    ["XADD", "x", "2-1", "f", BIG],
    ["XGROUP", "CREATE", "x", "g", 0],
    ["XREADGROUP", "GROUP", "g", "c", "COUNT", 1, "STREAMS", "x", ">"],
    ["XPENDING", "x", "g"],
    ["XACK", "x", "g", "1-1"],
    ["XINFO", "STREAM", "x"],
    ["XRANGE", "x", "-", "+"],
    # keys
    ["TYPE", "z"],
    ["EXISTS", "s", "none", "s"],
    ["COPY", "z", "zcopy"],
    ["RENAME", "zcopy", "zrenamed"],
    ["RENAME", "none", "other"],
    ["EXPIREAT", "zrenamed", 1],
    ["EXPIREAT", "z2", 4_000_000_000],
    ["PERSIST", "z2"],
    ["TTL", "z2"],
    ["UNLINK", "m1", "none"],
    ["TOUCH", "s", "none"],
    ["MOVE", "m2", 3],
    ["DBSIZE"],
    ["SWAPDB", 3, 4],
    ["SCAN", 0, "MATCH", "no such key", "COUNT", 1000],
    # errors
    ["GET", "h"],
    ["LPUSH", "s", 1],
    ["INCR", "words"],
    ["SET", "s"],
    ["NOSUCHCOMMAND", "a"],
    ["XADD", "x", "0-0", "f", "v"],
    ["CONFIG", "SET", "no-such-directive", "1"],
    ["CONFIG", "SET", "maxmemory", "much"],
    ["OBJECT", "FREQ", "s"],
    ["SELECT", 99],
    ["RESTORE", "s", 0, "nonsense"],
    # transactions and scripts
    ["MULTI"],
    ["SET", "in-multi", 1],
    ["INCR", "in-multi"],
    ["EXEC"],
    ["EXEC"],
    ["WATCH", "s"],
    ["UNWATCH"],
    ["EVAL", "return {redis.call('GET', KEYS[1]), ARGV[1], 3}", 1, "in-multi", "arg"],
    ["EVAL", "return redis.call('LPUSH', 'h', 1)", 0],
    ["EVAL", "return redis.sha1hex('x')", 0],
    ["SCRIPT", "LOAD", "return 1"],
    # server
    ["PING"],
    ["ECHO", "text"],
    ["CONFIG", "SET", "maxmemory-policy", "allkeys-lfu"],
    ["OBJECT", "FREQ", "s"],
    ["CONFIG", "SET", "maxmemory-policy", "noeviction"],
    ["ACL", "WHOAMI"],
    ["ACL", "CAT"],
    ["LATENCY", "LATEST"],
    ["SLOWLOG", "LEN"],
    ["COMMAND", "GETKEYS", "MSET", "a", 1, "b", 2],
    ["COMMAND", "INFO", "get", "object", "none"],
    ["WAIT", 0, 1],
    ["ROLE"],
    ["LOLWUT", "VERSION", "no"],
    ["MEMORY", "HELP"],
    ["DEBUG", "SLEEP", 0],
    ["DEBUG", "DIGEST"],
    ["DEBUG", "DIGEST-VALUE", "s", "l", "z", "x"],
    ["DEBUG", "QUICKLIST-PACKED-THRESHOLD", "1"],
    ["DEBUG", "OBJECT", "none"],
    ["DEBUG", "RELOAD"],
    ["DEBUG", "DIGEST"],
]
# For each key that is left: where two servers agree to the byte.
PER_KEY = [
    ["TYPE"],
    ["OBJECT", "ENCODING"],
    ["OBJECT", "REFCOUNT"],
    ["MEMORY", "USAGE"],
    ["DUMP"],
    ["DEBUG", "OBJECT"],
]

SETTINGS = {
    "numa no": {"numa": "no", "numa-topology": "real"},
    "numa auto": {"numa": "auto", "numa-topology": "real"},
    "two virtual nodes": {"numa": "auto", "numa-topology": "virtual:2"},
}


@pytest.fixture(params=SETTINGS, ids=lambda name: name.replace(" ", "-"))
def servers(request, numa_server, upstream_server):
    wires = [
        Wire(numa_server(**SETTINGS[request.param]).port),
        Wire(upstream_server().port),
    ]
    yield wires
    for wire in wires:
        wire.close()


def without_address(words: list, reply: object) -> object:
    if words[0] == "SMEMBERS":
        return sorted(reply)
    if words[:2] == ["DEBUG", "OBJECT"] and isinstance(reply, bytes):
        fields = dict(field.split(b":", 1) for field in reply.split()[1:])
        # The address, and the clock of two servers that were started a moment apart.
        return {k: v for k, v in fields.items() if k not in (b"at", b"lru", b"lru_seconds_idle")}
    return reply


def same(servers: list[Wire], words: list) -> object:
    mine, theirs = (without_address(words, wire.call(*words)) for wire in servers)
    assert mine == theirs, words
    return mine


def test_ordinary_commands_answer_the_same(servers):
    for words in COMMANDS:
        same(servers, words)
    keys = sorted(servers[0].call("KEYS", "*"))
    assert keys == sorted(servers[1].call("KEYS", "*"))
    assert len(keys) >= 18
    for key in keys:
        for words in PER_KEY:
            if words == ["DUMP"] and key == b"x":
                continue  # it holds the times of the deliveries
            reply = same(servers, [*words, key])
            assert not isinstance(reply, Error), words


def by_name(flat: list) -> dict:
    return dict(zip(flat[::2], flat[1::2], strict=True))


def test_command_table_has_only_our_command_more(servers):
    mine, theirs = ({c[0]: c[1:] for c in wire.call("COMMAND")} for wire in servers)
    assert mine.keys() - theirs.keys() == ADDED_COMMANDS
    for name, details in theirs.items():
        details[1], mine[name][1] = set(details[1]), set(mine[name][1])
        assert mine[name] == details, name
    counts = [wire.call("COMMAND", "COUNT") for wire in servers]
    assert counts[0] == counts[1] + len(ADDED_COMMANDS)


def test_config_has_only_our_directives_more(servers):
    mine, theirs = (by_name(wire.call("CONFIG", "GET", "*")) for wire in servers)
    assert mine.keys() - theirs.keys() == ADDED_DIRECTIVES
    assert theirs.keys() - mine.keys() == set()
    for name in theirs.keys() - OWN_DIRECTIVES:
        assert mine[name] == theirs[name], name


def info_layout(wire: Wire) -> dict[str, list[str]]:
    sections: dict[str, list[str]] = {}
    for line in wire.call("INFO").decode().splitlines():
        if line.startswith("# "):
            names = sections.setdefault(line[2:], [])
        elif ":" in line:
            names.append(line.split(":")[0])
    return sections


def test_info_has_only_our_section_more(servers):
    for wire in servers:
        wire.call("SET", "key", "value")
    mine, theirs = map(info_layout, servers)
    assert mine.keys() - theirs.keys() == ADDED_INFO_SECTIONS
    for section, names in theirs.items():
        added = [name for name in mine[section] if name not in names]
        assert set(added) == ADDED_INFO_FIELDS & set(added)
        assert [name for name in mine[section] if name not in added] == names, section
    order = [section for section in mine if section not in ADDED_INFO_SECTIONS]
    assert order == list(theirs)


def test_a_server_starts_with_as_much_memory(servers):
    mine, theirs = (int(wire.info("memory")["used_memory_startup"]) for wire in servers)
    assert theirs > 500_000
    assert abs(mine - theirs) < 20_000
