"""The fixtures themselves: both servers run, and end with their test."""

import os

import pytest


def test_both_servers_answer(numa_server, upstream_server):
    assert numa_server().client.ping()
    assert upstream_server().client.ping()


def test_only_the_patched_server_knows_numa(numa_server, upstream_server):
    assert numa_server().client.config_get("numa-topology") == {"numa-topology": "virtual:2"}
    assert upstream_server().client.config_get("numa-topology") == {}


def test_bad_directive_stops_the_start(numa_server):
    with pytest.raises(RuntimeError, match="numa-topology"):
        numa_server(numa_topology="virtual:nonsense")


def test_restart_keeps_the_directory(numa_server):
    server = numa_server(appendonly="yes")
    server.client.set("key", "value")
    old = server.pid
    assert server.restart().client.get("key") == "value"
    assert server.pid != old
    with pytest.raises(ProcessLookupError):
        os.kill(old, 0)
