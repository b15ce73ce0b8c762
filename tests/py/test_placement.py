"""Where the bytes are, by the kernel's own account."""

import re
import time

import pytest
from resp import Wire

MIB = 1 << 20
SLOT = 1 << 40  # address space per node, aligned to itself
WAIT_LIMIT_S = 60

# Values of every type and encoding, 100 B to 1 MB, some 20 MB each.
FILL = """
local function many(command, key, count, words)
    local i = 0
    while i < count do
        local batch = {}
        for j = i, math.min(i + 99, count - 1) do
            for _, word in ipairs(words(j)) do batch[#batch + 1] = word end
        end
        redis.call(command, key, unpack(batch))
        i = i + 100
    end
end
local text = string.rep('v', 90)
redis.call('SELECT', 1)
for key = 1, 20 do
    many('RPUSH', 'list:' .. key, 8000, function(i) return {text .. i} end)
    many('HSET', 'hash:' .. key, 5000, function(i) return {'field:' .. i, text .. i} end)
    many('ZADD', 'zset:' .. key, 5000, function(i) return {i, text .. i} end)
    many('SADD', 'set:' .. key, 6000, function(i) return {text .. i} end)
    redis.call('SET', 'large:' .. key, string.rep('x', 1000000))
end
for key = 1, 2000 do
    redis.call('HSET', 'small:' .. key, 'a', text, 'b', text)
    redis.call('ZADD', 'ranks:' .. key, 1, text, 2, 'b')
end
for i = 1, 50000 do redis.call('XADD', 'stream', i .. '-1', 'field', text .. i) end
redis.call('SELECT', 0)
"""


@pytest.fixture
def filled(numa_server):
    server = numa_server()
    wire = Wire(server.port, timeout=120)
    assert wire.call("DEBUG", "POPULATE", 50000, "key", 400) == b"OK"
    assert wire.call("EVAL", FILL, 0) is None
    yield server, wire
    wire.close()


def move_all(wire: Wire, node: int) -> int:
    moved = 0
    for database in (0, 1):
        wire.call("SELECT", database)
        moved += wire.call("NUMAMIGRATE", "DB", node)
    return moved


def slot_of(wire: Wire, key: str) -> int:
    """The first address of the slot that holds a far key."""
    address = re.search(rb"at:0x([0-9a-f]+)", wire.call("DEBUG", "OBJECT", key))[1]
    return int(address, 16) // SLOT * SLOT


def mappings(pid: int, name: str):
    """(first address, line) of every line of smaps or numa_maps; smaps lines keep their range."""
    first = last = 0
    for line in open(f"/proc/{pid}/{name}"):  # noqa: SIM115, PTH123
        if found := re.match(r"([0-9a-f]+)(?:-([0-9a-f]+))? ", line):
            first, last = int(found[1], 16), int(found[2] or "0", 16)
        yield first, last, line


def resident_by_smaps(pid: int, slot: int) -> tuple[int, int]:
    """Bytes that the kernel has backed inside the slot, and outside of it."""
    inside = outside = covered = 0
    for first, last, line in mappings(pid, "smaps"):
        if line.startswith("Size:"):
            covered += max(0, min(last, slot + SLOT) - max(first, slot))
        elif line.startswith("Rss:"):
            kilobytes = int(line.split()[1])
            if slot <= first < slot + SLOT:
                inside += kilobytes * 1024
            else:
                outside += kilobytes * 1024
    assert covered == SLOT, "the slot is not what this test takes it for"
    return inside, outside


def resident_by_numa_maps(pid: int, slot: int) -> int:
    pages = 0
    for first, _, line in mappings(pid, "numa_maps"):
        if slot <= first < slot + SLOT:
            assert "kernelpagesize_kB=4" in line or " N" not in line
            pages += sum(map(int, re.findall(r" N\d+=(\d+)", line)))
    return pages * 4096


def close(value: int, truth: int) -> bool:
    return abs(value - truth) <= 0.01 * truth


def test_resident_memory_is_where_info_says(filled):
    server, wire = filled
    assert move_all(wire, 1) == 54_101
    wire.call("SELECT", 0)
    slot = slot_of(wire, "key:7")
    assert int(wire.node(1)["used"]) > 100 * MIB
    far, near = int(wire.node(1)["resident"]), int(wire.node(0)["resident"])
    by_smaps, outside = resident_by_smaps(server.pid, slot)
    assert by_smaps > 100 * MIB
    assert close(far, by_smaps), (far, by_smaps)
    assert close(far, resident_by_numa_maps(server.pid, slot))
    assert close(near, outside), (near, outside)


def test_what_stays_near_is_the_index(filled):
    """Key names, entries and their table: some 64 B per key. A value left behind would show."""
    _server, wire = filled
    keys = move_all(wire, 1)
    near = int(wire.node(0)["used"])
    wire.call("FLUSHALL")
    left = near - int(wire.node(0)["used"])
    assert 50 * keys < left < 120 * keys, (left, keys)


def test_memory_of_a_left_node_goes_back(filled):
    server, wire = filled
    keys = move_all(wire, 1)
    wire.call("SELECT", 0)
    slot = slot_of(wire, "key:7")
    peak, _ = resident_by_smaps(server.pid, slot)
    assert move_all(wire, 0) == keys
    assert int(wire.node(1)["used"]) == 0
    assert wire.call("MEMORY", "PURGE") == b"OK"
    deadline = time.monotonic() + WAIT_LIMIT_S
    while resident_by_smaps(server.pid, slot)[0] > 0.05 * peak:
        assert time.monotonic() < deadline, resident_by_smaps(server.pid, slot)
        time.sleep(0.5)
    assert int(wire.node(1)["resident"]) < 0.05 * peak
