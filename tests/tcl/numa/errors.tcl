# Each error that NUMAMIGRATE can give, and that nothing has changed after it.

source tests/numa/support/numa.tcl
source tests/numa/support/values.tcl

start_server {tags {numa external:skip} overrides {save {} numa-topology virtual:3}} {
    test {Unknown subcommands and wrong numbers of arguments} {
        foreach words {
            {} {nosuch} {key} {key a} {key a 1 extra} {keys} {keys 1} {pattern *} {pattern * 1 extra}
            {db} {db 1 extra} {info} {info a extra} {stats extra} {reset extra} {help extra}
        } {
            set pattern {ERR Unknown subcommand or wrong number of arguments*NUMAMIGRATE HELP*}
            if {$words eq {}} {set pattern {ERR wrong number of arguments for 'numamigrate' command}}
            assert_error $pattern {r numamigrate {*}$words}
        }
        assert_equal PONG [r ping]
    }

    test {Subcommands are known in any case} {
        r set key value
        assert_equal OK [r NuMaMiGrAtE KeY key 1]
        assert_equal 1 [dict get [r numamigrate Info key] current_node]
        assert_equal 1 [r numamigrate kEYS 0 key]
    }

    test {HELP names every subcommand with its arguments} {
        set help [r numamigrate help]
        assert_match {NUMAMIGRATE <subcommand>*} [lindex $help 0]
        foreach line {
            {KEY <key> <node>} {KEYS <node> <key> [<key> ...]} {PATTERN <glob> <node>} {DB <node>}
            {INFO <key>} STATS RESET HELP
        } {
            assert {$line in $help}
        }
    }

    test {A node that is no integer, or that does not exist} {
        r set key value
        foreach words {{key key NODE} {keys NODE key} {pattern * NODE} {db NODE}} {
            foreach bad {x 1.5 {} 99999999999999999999 0x1 {1 }} {
                assert_error "ERR node is not an integer: '$bad'" {
                    r numamigrate {*}[string map [list NODE [list $bad]] $words]
                }
            }
            foreach bad {3 -1 15 16 9223372036854775807 -9223372036854775808} {
                assert_error "NUMANONODE no such node $bad: valid nodes are 0-2" {
                    r numamigrate {*}[string map "NODE $bad" $words]
                }
            }
        }
        assert_wholly_on 0 key
    }

    test {A key that is not there} {
        r numamigrate reset
        assert_error {NUMANOKEY no such key: 'absent'} {r numamigrate key absent 1}
        assert_error {NUMANOKEY no such key: 'absent'} {r numamigrate info absent}
        r set key value
        assert_equal 1 [r numamigrate keys 1 absent key absent2]
        assert_equal 0 [migration_stat failed_migrations]
    }

    test {A key that has expired is neither moved nor deleted} {
        r flushall
        r debug set-active-expire 0
        r config resetstat
        r set key value px 1
        r set other value
        after 10
        assert_error {NUMAEXPIRED the key has expired: 'key'} {r numamigrate key key 1}
        assert_error {NUMAEXPIRED the key has expired: 'key'} {r numamigrate info key}
        assert_equal 0 [r numamigrate keys 1 key]
        assert_equal 0 [r numamigrate pattern k* 1]
        assert_equal 1 [r numamigrate db 1]
        assert_equal 2 [r dbsize]
        assert_equal 0 [s expired_keys]
        r debug set-active-expire 1
        assert_equal {} [r get key]
    }

    test {A value that the running transaction holds too} {
        r flushall
        r numamigrate reset
        r multi
        r set key [string repeat v 100]
        r numamigrate key key 1
        r get key
        set replies {}
        r readraw 1
        r write "*1\r\n\$4\r\nexec\r\n"
        r flush
        for {set i 0} {$i < 5} {incr i} {lappend replies [r read]}
        r readraw 0
        assert_match {-NUMASHARED the value has 2 holders*} [lindex $replies 2]
        assert_wholly_on 0 key
        assert_equal 1 [migration_stat failed_shared_value]
        migrate key 1
        assert_wholly_on 1 key
    }

    test {INFO of a shared value says where it is} {
        r set key 7
        set info [r numamigrate info key]
        assert_equal 0 [dict get $info current_node]
        assert {[dict get $info memory_footprint] > 0}
    }

    test {RESP3: INFO and STATS are maps, with integers} {
        r flushall
        r set key value
        set flat_info [r numamigrate info key]
        set flat_stats [r numamigrate stats]
        r hello 3
        assert_equal $flat_info [r numamigrate info key]
        assert_equal $flat_stats [r numamigrate stats]
        r readraw 1
        r deferred 1
        foreach {words fields} {{info key} 11 stats 21} {
            r numamigrate {*}$words
            assert_equal %$fields [r read]
            for {set i 0} {$i < $fields} {incr i} {
                assert_match {$*} [r read]
                set name [r read]
                set value [r read]
                if {$name in {type encoding}} {
                    assert_match {$*} $value
                    r read
                } else {
                    assert_match {:*} $value
                }
            }
        }
        r deferred 0
        r readraw 0
        r hello 2
        assert_equal PONG [r ping]
    }

    test {Long and binary arguments in errors} {
        set long [string repeat k 1000]
        assert_error "NUMANOKEY no such key: '[string repeat k 128]'" {r numamigrate key $long 1}
        assert_error "ERR node is not an integer: '[string repeat k 64]'" {r numamigrate key a $long}
        assert_error {NUMANOKEY no such key: 'a*} {r numamigrate key "a\r\nb" 1}
        assert_equal PONG [r ping]
    }
}

# ---- Nodes that are full ----

start_server {tags {numa external:skip} overrides {save {} numa-topology virtual:3}} {
    proc set_budget {bytes} {
        assert_equal OK [r config set numa-node-budget "1 $bytes"]
    }

    foreach name [value_names] {
        test "$name: the node becomes full on the way" {
            r flushall
            r numamigrate reset
            make_value $name key
            make_value $name twin
            set image [value_image key]
            set footprint [info_of key memory_footprint]
            foreach share {0 0.3 0.9} {
                set room [expr {int($footprint * $share)}]
                set_budget $room
                set total [expr {[same_size_classes] ? $footprint : {*}}]
                assert_error "NUMAFULL node 1 has no room: * of $total bytes moved,\
                    the key is whole; see numa-node-budget 1" {r numamigrate key key 1}
                set info [r numamigrate info key]
                assert_equal $image [value_image key]
                assert_footprint $footprint [dict get $info memory_footprint]
                assert {[dict get $info node1_bytes] <= $room}
                assert_equal [dict get $info node1_bytes] [node_field 1 used]
                assert_equal 0 [dict get $info node2_bytes]
            }
            assert_equal 3 [migration_stat failed_node_full]
            assert_equal 0 [migration_stat successful_migrations]
            change_value $name key
            change_value $name twin
            assert_equal [value_reads twin] [value_reads key]
            set_budget auto
            migrate key 1
            assert_wholly_on 1 key
            assert_equal [value_reads twin] [value_reads key]
            r del key
            assert_equal 0 [far_used]
        }
    }

    test {KEYS, PATTERN and DB stop at a full node and tell how many keys were moved} {
        r flushall
        for {set i 0} {$i < 10} {incr i} {r set key:$i [string repeat $i 1000]}
        set digest [r debug digest]
        migrate key:0 1
        set footprint [info_of key:0 memory_footprint]
        migrate key:0 0
        foreach words {
            {keys 1 key:0 key:1 key:2 key:3 key:4 key:5} {pattern key:* 1} {db 1}
        } {
            r numamigrate reset
            set_budget [expr {$footprint * 4}]
            assert_error {NUMAFULL node 1 has no room: 4 keys moved before*} {r numamigrate {*}$words}
            assert_equal [expr {$footprint * 4}] [far_used]
            assert_equal 4 [migration_stat successful_migrations]
            assert_equal 1 [migration_stat failed_node_full]
            # The bytes of a move are those of the block that it leaves.
            if {[same_size_classes]} {
                assert_equal [expr {$footprint * 4}] [migration_stat node1_bytes_in]
            }
            assert_alive_and_unchanged $digest
            set_budget auto
            assert_equal [expr {[lindex $words 0] eq {keys} ? 2 : 6}] [r numamigrate {*}$words]
            r numamigrate db 0
        }
    }

    test {A value that grows when its node is full goes on near} {
        r flushall
        r set string [string repeat a 1000]
        r hset hash field [string repeat b 40]
        r rpush list element
        foreach key {string hash list} {migrate $key 1}
        foreach command {
            {append string [string repeat A 100000]}
            {hset hash other [string repeat B 60]}
            {rpush list [string repeat C 5000]}
        } {
            set_budget [far_used]
            r {*}[subst $command]
            assert {[info_of [lindex $command 1] node0_bytes] > 0}
            assert {[far_used] <= [node_field 1 budget]}
        }
        assert_equal [string repeat a 1000][string repeat A 100000] [r get string]
        assert_equal [list [string repeat b 40] [string repeat B 60]] [r hmget hash field other]
        assert_equal [list element [string repeat C 5000]] [r lrange list 0 -1]
        set_budget auto
        foreach key {string hash list} {
            migrate $key 1
            assert_wholly_on 1 $key
        }
    }

    # A block that is resized in another place needs both for a moment: more than the budget, though
    # the values themselves would fit.
    test {A value that cannot be resized where it is goes on near, and all bytes return} {
        r flushall
        for {set size 70000} {$size < 900000} {incr size 37000} {
            r config set numa-node-budget {2 auto}
            r set key [string repeat a $size]
            migrate key 2
            r config set numa-node-budget {2 1mb}
            for {set i 0} {$i < 4} {incr i} {
                r append key [string repeat A [expr {$size / 3}]]
                assert_equal [info_of key node2_bytes] [node_field 2 used]
            }
            assert_equal [expr {$size + $size / 3 * 4}] [r strlen key]
            r del key
            assert_equal 0 [far_used]
        }
        r config set numa-node-budget {2 auto}
    }

    # A string's header fits lengths below 64 KB here; a longer string gets another one, made near.
    test {A value that grows where its node has room stays there} {
        r flushall
        set_budget auto
        r set key [string repeat a 1000]
        migrate key 1
        r append key [string repeat A 10000]
        r setrange key 30000 z
        assert_equal [info_of key memory_footprint] [info_of key node1_bytes]
    }

    test {A budget below what is used keeps what is there} {
        r flushall
        set_budget auto
        r set key [string repeat a 10000]
        r set other [string repeat b 10000]
        migrate key 1
        set_budget 0
        assert_equal [string repeat a 10000] [r get key]
        assert_error {NUMAFULL*} {r numamigrate key other 1}
        assert_wholly_on 0 other
        migrate key 0
        assert_equal 0 [far_used]
        set_budget auto
    }
}

start_server {tags {numa external:skip} overrides {save {} numa no}} {
    test {NUMA support is off: NUMAOFF with the reason, and no key is touched} {
        r set key value
        foreach words {{key key 0} {keys 0 key} {pattern * 0} {db 0} {info key}} {
            assert_error {NUMAOFF NUMA support is off: numa no} {r numamigrate {*}$words}
        }
        assert_equal value [r get key]
    }

    test {NUMA support is off: HELP, STATS and RESET answer} {
        assert_match {*KEY <key>*} [r numamigrate help]
        assert_equal 0 [migration_stat total_migrations]
        assert_equal OK [r numamigrate reset]
    }
}
