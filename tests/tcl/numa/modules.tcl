# Values of module types: with a defrag callback they move, without one they stay. And the module
# API's own allocations on far memory.

source tests/numa/support/numa.tcl

set shelf [file normalize $::env(NUMA_MODULES)/shelf.so]

start_server [list tags {numa modules external:skip} overrides [list save {} \
        numa-topology virtual:3 loadmodule $shelf]] {
    proc make_shelf {key {add shelf.add}} {
        r del $key
        for {set i 0} {$i < 50} {incr i} {
            r $add $key [string repeat $i [expr {$i % 40}]] [expr {$i * 13}] [expr {$i % 5}]
        }
    }

    test {A module value moves whole, there and back} {
        make_shelf key
        set digest [r debug digest-value key]
        set footprint [info_of key memory_footprint]
        assert {$footprint > [r memory usage key samples 0] - 200}
        r shelf.step 4
        foreach node {1 0 1 2 0} {
            migrate key $node
            assert_wholly_on $node key
            assert_equal $digest [r debug digest-value key]
            assert_equal 100 [r shelf.check key]
            if {[same_size_classes]} {assert_equal $footprint [info_of key memory_footprint]}
        }
        assert_equal shelf-mov [info_of key type]
        assert_equal 0 [far_used]
    }

    # 50 boxes, 4 at a time: 13 calls for a visit, 12 of them at a cursor.
    test {A defrag callback that stops is called until it is done, at its cursor} {
        migrate key 1
        r shelf.step 4
        migrate key 2
        assert_equal {13 12 0} [r shelf.calls]
        r shelf.step 1
        migrate key 0
        assert_equal {50 49 0} [r shelf.calls]
        assert_wholly_on 0 key
        r shelf.step 1000
        migrate key 1
        assert_equal {1 0 0} [r shelf.calls]
        assert_wholly_on 1 key
    }

    test {NUMAMIGRATE INFO counts a module value and leaves it where it is} {
        make_shelf key
        migrate key 1
        foreach i {1 2 3} {assert_wholly_on 1 key}
        assert_equal 100 [r shelf.check key]
    }

    test {The counters are exact} {
        make_shelf key
        r numamigrate reset
        set out [info_of key memory_footprint]
        migrate key 1
        migrate key 1
        assert_equal [list 1 0 $out $out] [list [migration_stat successful_migrations] \
            [migration_stat failed_migrations] [migration_stat total_bytes_migrated] \
            [migration_stat node1_bytes_in]]
        assert_equal $out [migration_stat node0_bytes_out]
        assert_equal [info_of key memory_footprint] [node_field 1 used]
        r del key
        assert_equal 0 [far_used]
    }

    test {RM_Realloc, RM_Alloc, RM_MallocSize and RM_Free on far values} {
        make_shelf key
        make_shelf twin
        foreach {node size} {1 10 2 5000 1 100 0 0 1 200000 2 16} {
            migrate key $node
            r shelf.resize key $size
            r shelf.resize twin $size
            assert_equal 100 [r shelf.check key]
            assert_wholly_on $node key
            assert_equal [r debug digest-value twin] [r debug digest-value key]
        }
        r shelf.add key new 100 3
        r shelf.add twin new 100 3
        assert {[info_of key node0_bytes] > 0}
        assert_equal 103 [r shelf.check key]
        assert_equal [r debug digest-value twin] [r debug digest-value key]
        migrate key 2
        assert_wholly_on 2 key
        r del key
        assert_equal 0 [far_used]
    }

    test {RM_Realloc of a far block when its node is full goes on near} {
        make_shelf key
        r shelf.resize key 100
        migrate key 1
        r config set numa-node-budget "1 [node_field 1 used]"
        r shelf.resize key 50000
        assert_equal 100 [r shelf.check key]
        assert {[info_of key node0_bytes] > 1000000}
        r config set numa-node-budget {1 auto}
        migrate key 1
        assert_equal 100 [r shelf.check key]
        assert_wholly_on 1 key
    }

    test {A full node leaves a module value whole} {
        make_shelf key
        r shelf.step 3
        set digest [r debug digest-value key]
        set footprint [info_of key memory_footprint]
        foreach share {0 0.3 0.9} {
            r config set numa-node-budget "2 [expr {int($footprint * $share)}]"
            assert_error {NUMAFULL node 2*} {r numamigrate key key 2}
            assert_equal $digest [r debug digest-value key]
            assert_equal 100 [r shelf.check key]
            assert {[node_field 2 used] <= $footprint * $share}
        }
        r config set numa-node-budget {2 auto}
        migrate key 2
        assert_wholly_on 2 key
        assert_equal $digest [r debug digest-value key]
    }

    test {A type without a defrag callback: an error, and nothing has changed} {
        make_shelf fixed shelf.addfixed
        r flushdb
        make_shelf fixed shelf.addfixed
        r numamigrate reset
        set digest [r debug digest-value fixed]
        set info [r numamigrate info fixed]
        assert_error {NUMAMODULE the module of type shelf-fix has no defrag callback} {
            r numamigrate key fixed 1
        }
        assert_equal $info [r numamigrate info fixed]
        assert_equal $digest [r debug digest-value fixed]
        assert_equal 0 [far_used]
        assert_equal {1 1 0} [list [migration_stat failed_module_type] \
            [migration_stat failed_migrations] [migration_stat total_bytes_migrated]]
        assert_equal 100 [r shelf.check fixed]
    }

    test {KEYS, PATTERN and DB skip it and move the others} {
        make_shelf key
        r set string [string repeat v 100]
        assert_equal 2 [r numamigrate db 1]
        assert_equal 0 [info_of fixed node1_bytes]
        assert_equal 2 [r numamigrate keys 2 fixed key string]
        assert_equal 2 [r numamigrate pattern * 1]
        assert_equal 100 [r shelf.check fixed]
    }

    test {RENAME, COPY and DEBUG RELOAD of far module values} {
        make_shelf key
        migrate key 1
        r rename key renamed
        assert_wholly_on 1 renamed
        r copy renamed copied
        assert_wholly_on 0 copied
        set digests [r debug digest-value renamed copied fixed]
        assert_equal [lindex $digests 0] [lindex $digests 1]
        r debug reload
        assert_equal $digests [r debug digest-value renamed copied fixed]
        assert_equal 0 [far_used]
        assert_equal {100 100 100} [list [r shelf.check renamed] [r shelf.check copied] [r shelf.check fixed]]
    }

    test {UNLINK frees far module values in the background} {
        r flushall
        foreach key {a b c} {
            for {set i 0} {$i < 300} {incr i} {r shelf.add $key box:$i 50 3}
        }
        assert_equal 3 [r numamigrate db 2]
        set freed [s lazyfreed_objects]
        r unlink a b c
        wait_for_condition 100 50 {[far_used] == 0} else {fail "[far_used] far bytes are left"}
        assert {[s lazyfreed_objects] > $freed}
    }

    test {In a script and in a transaction} {
        r flushall
        make_shelf key
        set digest [r debug digest-value key]
        r eval {for i = 1, 6 do redis.call('numamigrate', 'key', KEYS[1], i % 3) end} 1 key
        r multi
        r numamigrate key key 2
        r shelf.check key
        r numamigrate key key 1
        assert_equal {OK 100 OK} [r exec]
        assert_wholly_on 1 key
        assert_equal $digest [r debug digest-value key]
    }

    if {[string match {*jemalloc*} [s mem_allocator]]} {
        test {Active defragmentation keeps module values on their node} {
            r flushall
            r shelf.step 4
            for {set i 0} {$i < 400} {incr i} {
                for {set j 0} {$j < 20} {incr j} {r shelf.add key:$i box:$j [expr {$j * 10}] 3}
            }
            assert_equal 400 [r numamigrate db 1]
            for {set i 0} {$i < 400} {incr i 2} {r del key:$i}
            set digest [r debug digest]
            set used [node_field 1 used]
            r config set hz 100
            r config set active-defrag-ignore-bytes 1
            r config set active-defrag-threshold-lower 0
            r config set active-defrag-cycle-min 60
            r config set activedefrag yes
            set key_hits [s active_defrag_key_hits]
            wait_for_condition 200 50 {
                [lindex [r shelf.calls] 0] > 1000 && [s active_defrag_key_hits] > $key_hits + 150
            } else {
                fail "no module value was defragmented"
            }
            foreach i {1 2 0} {
                r numamigrate key key:1 $i
                after 20
            }
            r config set activedefrag no
            assert {[node_field 1 used] < $used}
            migrate key:1 1
            assert_equal $used [node_field 1 used]
            for {set i 1} {$i < 400} {incr i 2} {
                assert_wholly_on 1 key:$i
                assert_equal 60 [r shelf.check key:$i]
            }
            assert_alive_and_unchanged $digest
        }
    }
}
