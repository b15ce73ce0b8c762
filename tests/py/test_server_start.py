"""A refused start says where and why; what the machine lacks is named and lived with."""

import subprocess

import pytest
from conftest import free_port, server_factory, tree
from launch import refusing, refusing_large_mbind, with_address_space, without_library
from resp import Wire


@pytest.fixture
def program():
    return tree("NUMA_TREE") / "src" / "redis-server"


# ---- Starts that are refused ----


def start_fails(program, directory, *lines: str) -> str:
    """Both streams of a server that must not start with these lines in its redis.conf."""
    conf = directory / "redis.conf"
    own = [f"port {free_port()}", "bind 127.0.0.1", f"dir {directory}", 'save ""']
    conf.write_text("\n".join([*own, *lines]) + "\n")
    done = subprocess.run(
        [program, conf], capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 1, done
    return done.stderr + done.stdout


UNREADABLE = {
    "numa maybe": "'yes', 'no' or 'auto'",
    "numa yes no": "one value",
    "numa": "wrong number of arguments",
    "numa-topology virtual:17": "n from 1 to 16",
    "numa-topology virtual:0": "n from 1 to 16",
    "numa-topology imaginary": "'real' or 'virtual:<n>'",
    "numa-node-budget 1": "pairs of <node> <value>",
    "numa-node-budget 1 much": "bytes from 0 to",
    "numa-node-budget 99 1gb": "integer from 0 to 15, not '99'",
    "numa-node-budget one 1gb": "integer from 0 to 15, not 'one'",
    "numa-node-budget 1 -5": "bytes from 0 to",
    "numa-node-backend 1 tape": "'jemalloc' or 'memkind[:<kind>]'",
    "numa-node-backend 1 memkind:tape": "unknown memkind kind",
    "numa-nodes 4": "Bad directive",
}


@pytest.mark.parametrize("line", UNREADABLE)
def test_unreadable_directive_is_named_with_its_line(program, tmp_path, line):
    said = start_fails(program, tmp_path, "numa-topology virtual:2", "", line)
    assert "FATAL CONFIG FILE ERROR" in said
    assert "at line 7" in said
    assert f">>> '{line}'" in said
    assert UNREADABLE[line] in said


IMPOSSIBLE = {
    "numa-node-budget 5 1gb": ("numa-node-budget", "no such node 5: valid nodes are 0-1"),
    "numa-node-backend 5 memkind": ("numa-node-backend", "no such node 5: valid nodes are 0-1"),
    "numa-node-budget 0 1gb": ("numa-node-budget", "home node"),
    "numa-node-backend 0 memkind": ("numa-node-backend", "home node"),
}


@pytest.mark.parametrize("line", IMPOSSIBLE)
def test_directive_about_a_node_that_cannot_take_it_stops_the_start(program, tmp_path, line):
    said = start_fails(program, tmp_path, "numa-topology virtual:2", line)
    for words in IMPOSSIBLE[line]:
        assert words in said


def test_mistakes_stop_the_start_although_numa_is_off(program, tmp_path):
    assert "at line 6" in start_fails(program, tmp_path, "numa no", "numa-topology virtual:99")


# ---- Starts in a reduced mode ----


@pytest.fixture
def start(tmp_path):
    """start(program, numa_topology="virtual:2") gives a running server and a connection."""
    stack = []

    def begin(program, **directives):
        directory = tmp_path / f"servers-{len(stack)}"
        factory = server_factory(program, {"save": ""}, directory)
        server = next(factory)(**directives)
        stack.append((factory, Wire(server.port)))
        return server, stack[-1][1]

    yield begin
    for factory, wire in stack:
        wire.close()
        for _ in factory:
            pass


def moves_work(wire: Wire) -> None:
    wire.call("SET", "moved", "value " * 100)
    assert wire.call("NUMAMIGRATE", "KEY", "moved", 1) == b"OK"
    assert wire.key_info("moved")["current_node"] == 1
    assert wire.call("GET", "moved") == b"value " * 100
    assert wire.call("NUMAMIGRATE", "KEY", "moved", 0) == b"OK"
    assert int(wire.node(1)["used"]) == 0


def is_off(server, wire: Wire, why: str) -> None:
    info = wire.info("numa")
    assert info["numa_enabled"] == "0"
    assert why in info["numa_why_off"]
    assert f"NUMA support is off: {info['numa_why_off']}" in server.log
    wire.call("SET", "key", "value")
    reply = wire.call("NUMAMIGRATE", "KEY", "key", 1)
    assert reply.startswith("NUMAOFF") and why in reply
    assert wire.call("GET", "key") == b"value"


def is_reduced(server, wire: Wire, why: str) -> None:
    info = wire.info("numa")
    assert info["numa_enabled"] == "1"
    assert why in info["numa_node1_reduced"]
    assert f"NUMA node 1 is reduced: {info['numa_node1_reduced']}" in server.log


def test_nothing_is_reduced_where_nothing_is_missing(start, program):
    server, wire = start(program, numa_topology="virtual:3")
    assert not [name for name in wire.info("numa") if name.endswith("_reduced")]
    assert "is reduced" not in server.log
    moves_work(wire)


def test_numa_no_is_off(start, program):
    is_off(*start(program, numa="no", numa_topology="virtual:2"), "numa no")


def machine_nodes(program, start) -> int:
    """As many nodes as the machine has."""
    _, wire = start(program, numa="yes", numa_topology="real")
    return int(wire.info("numa")["numa_nodes"])


def test_one_node_is_off_by_default_and_on_by_yes(start, program):
    _server, wire = start(program, numa="yes", numa_topology="virtual:1")
    assert wire.info("numa")["numa_nodes"] == "1"
    reply = wire.call("NUMAMIGRATE", "KEY", "key", 1)
    assert reply == "NUMANONODE no such node 1: valid nodes are 0"
    wire.call("SET", "key", "value")
    assert wire.call("NUMAMIGRATE", "KEY", "key", 0) == b"OK"
    is_off(*start(program, numa="auto", numa_topology="virtual:1"), "one memory node")


def test_real_topology_is_on_where_the_machine_has_two_nodes(start, program):
    _server, wire = start(program, numa="auto", numa_topology="real")
    several = machine_nodes(program, start) > 1
    assert wire.info("numa")["numa_enabled"] == str(int(several))


def test_too_little_address_space_is_off(start, program, tmp_path):
    limited = with_address_space(tmp_path, program, 2)
    is_off(*start(limited, numa_topology="virtual:3"), "ulimit -v")


def test_little_address_space_reduces_the_nodes(start, program, tmp_path):
    limited = with_address_space(tmp_path, program, 8)
    server, wire = start(limited, numa_topology="virtual:3", numa_node_budget="1 500gb")
    moves_work(wire)
    is_reduced(server, wire, "address space")


def test_missing_memkind_reduces_its_node(start, program, tmp_path):
    server, wire = start(
        without_library(tmp_path, program, "libmemkind"),
        numa_topology="virtual:3",
        numa_node_backend="1 memkind 2 jemalloc",
        numa_node_budget="1 64mb",
    )
    is_reduced(server, wire, "memkind is not installed")
    assert wire.node(1)["backend"] == "jemalloc"
    assert "numa_node2_reduced" not in wire.info("numa")
    moves_work(wire)


def test_memkind_is_used_where_it_is_there(start, program):
    _server, wire = start(
        program,
        numa_topology="virtual:2",
        numa_node_backend="1 memkind",
        numa_node_budget="1 64mb",
    )
    assert wire.node(1)["backend"] == "memkind"
    assert "numa_node1_reduced" not in wire.info("numa")
    moves_work(wire)


# A memkind kind names physical nodes, so that even a virtual node's slot is bound to them.
BOUND = {
    "numa_topology": "virtual:2",
    "numa_node_backend": "1 memkind:regular",
    "numa_node_budget": "1 64mb",
}


def test_a_kind_binds_its_node(start, program):
    _server, wire = start(program, **BOUND)
    assert wire.node(1)["bind"] == "strict"
    assert "numa_node1_reduced" not in wire.info("numa")
    moves_work(wire)


def test_refused_binding_of_a_node_is_named(start, program, tmp_path):
    server, wire = start(refusing_large_mbind(tmp_path, program), **BOUND)
    assert wire.node(1)["bind"] == "refused"
    is_reduced(server, wire, "mbind to node 1 refused: Operation not permitted")
    moves_work(wire)


def test_refused_mbind_costs_a_kind_its_binding(start, program, tmp_path):
    server, wire = start(refusing(tmp_path, program, "mbind"), **BOUND)
    assert wire.node(1)["bind"] == "none"
    is_reduced(server, wire, "memkind kind regular")
    moves_work(wire)


def test_refused_move_pages_leaves_the_resident_node_unknown(start, program, tmp_path):
    _server, wire = start(refusing(tmp_path, program, "move_pages"), numa_topology="virtual:2")
    wire.call("SET", "key", "value")
    assert wire.key_info("key")["resident_node"] == -1
    moves_work(wire)
    _, free = start(program, numa_topology="virtual:2")
    free.call("SET", "key", "value")
    assert free.key_info("key")["resident_node"] >= 0


def test_refused_move_pages_costs_a_kind_its_binding(start, program, tmp_path):
    server, wire = start(refusing(tmp_path, program, "move_pages"), **BOUND)
    assert wire.node(1)["bind"] == "none"
    is_reduced(server, wire, "the kernel does not say where pages of memkind kind regular are")
    moves_work(wire)


def test_no_memory_policy_at_all_is_lived_with(start, program, tmp_path):
    calls = ("mbind", "move_pages", "set_mempolicy", "get_mempolicy")
    blind = refusing(tmp_path, program, *calls)
    _server, wire = start(blind, **BOUND)
    assert "numa_node1_reduced" in wire.info("numa")
    moves_work(wire)
    is_off(*start(blind, numa="auto", numa_topology="real"), "one memory node")
