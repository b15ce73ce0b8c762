# Cluster routing: a key of a slot that is served elsewhere is redirected, whatever the subcommand.

source tests/numa/support/numa.tcl

# Cluster mode has database 0 alone; the client that runs this file runs others after it.
set singledb $::singledb
set ::singledb 1

proc meet_and_share_slots {} {
    set slots {}
    for {set slot 0} {$slot < 8192} {incr slot} {lappend slots $slot}
    r 0 cluster addslots {*}$slots
    r -1 cluster addslots {*}[lmap slot $slots {expr {$slot + 8192}}]
    r -1 cluster set-config-epoch 2
    r 0 cluster meet [srv -1 host] [srv -1 port]
    foreach level {0 -1} {
        wait_for_condition 300 100 {[string match {*cluster_state:ok*} [r $level cluster info]]} else {
            fail "the cluster does not form"
        }
    }
}

tags {numa tls:skip external:skip cluster} {
start_server {overrides {save {} numa-topology virtual:2 cluster-enabled yes}} {
start_server {overrides {save {} numa-topology virtual:2 cluster-enabled yes}} {
    # {a} is in slot 15495, {b} in 3300, {c} in 7365.
    test {Slots that nobody serves} {
        foreach words {{key b 1} {info b} {keys 1 b}} {
            assert_error {CLUSTERDOWN*} {r numamigrate {*}$words}
        }
    }

    test {Two nodes share the slots} {
        meet_and_share_slots
        assert_equal {15495 3300 7365} [lmap key {a b c} {r cluster keyslot $key}]
        r set b [string repeat v 100]
        r set "{b}2" [string repeat v 100]
        r set c [string repeat v 100]
        r -1 set a [string repeat v 100]
    }

    test {A key of the other node's slots gives MOVED} {
        foreach words {{key a 1} {info a} {keys 1 a} {keys 1 {{a}1} {{a}2}}} {
            assert_error "MOVED 15495 *:[srv -1 port]" {r numamigrate {*}$words}
        }
        foreach words {{key b 1} {info b} {keys 1 b}} {
            assert_error "MOVED 3300 *:[srv 0 port]" {r -1 numamigrate {*}$words}
        }
        assert_equal 0 [migration_stat total_migrations]
    }

    test {KEYS of two slots gives CROSSSLOT} {
        foreach words {{keys 1 b c} {keys 1 b a} {keys 1 a b}} {
            assert_error {CROSSSLOT*} {r numamigrate {*}$words}
        }
        assert_wholly_on 0 b
    }

    test {Keys of one's own slots move, on this node alone} {
        migrate b 1
        assert_wholly_on 1 b
        assert_equal 1 [r numamigrate keys 1 b "{b}2"]
        assert_equal 1 [r numamigrate pattern c 1]
        assert_equal 3 [r numamigrate db 0]
        assert_equal 1 [r -1 numamigrate db 1]
        assert_equal 0 [far_used]
        r numamigrate stats
        r numamigrate help
        r numamigrate reset
    }

    test {A slot that is leaving gives ASK for keys that are gone} {
        r cluster setslot 3300 migrating [r -1 cluster myid]
        r -1 cluster setslot 3300 importing [r cluster myid]
        migrate b 1
        assert_error {ASK 3300 *} {r numamigrate key "{b}gone" 1}
        r migrate [srv -1 host] [srv -1 port] b 0 5000
        assert_error {ASK 3300 *} {r numamigrate key b 1}
        assert_equal OK [r -1 asking]
        assert_equal OK [r -1 numamigrate key b 1]
        assert_error {ASK 3300 *} {r numamigrate keys 1 b "{b}2"}
        assert_equal OK [r -1 asking]
        assert_error {TRYAGAIN*} {r -1 numamigrate keys 1 b "{b}2"}
        assert_equal 0 [far_used]
    }
}
}
}

set ::singledb $singledb
