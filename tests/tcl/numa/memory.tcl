# Far memory is freed from any thread, defragmented on its own node, counted against maxmemory, and
# given back to the kernel; INFO tells what the kernel says.

source tests/numa/support/numa.tcl
source tests/numa/support/values.tcl

proc wait_for_no_far_byte {} {
    wait_for_condition 100 50 {[far_used] == 0} else {fail "[far_used] far bytes are left"}
}

proc populate_strings {count size} {
    r eval {
        for i = 1, ARGV[1] do redis.call('set', 'key:' .. i, string.rep(i % 10, ARGV[2])) end
    } 0 $count $size
}

proc populate_collections {count} {
    for {set i 0} {$i < $count} {incr i} {
        r hset hash:$i {*}[word_pairs $i 200]
        r rpush list:$i {*}[words $i 200]
        r zadd zset:$i {*}[scored_words $i 200 50]
        r sadd set:$i {*}[words $i 200]
    }
}

start_server {tags {numa external:skip} overrides {save {} numa-topology virtual:3}} {
    test {UNLINK frees far values in the background} {
        populate_collections 20
        assert_equal 80 [r numamigrate db 1]
        assert {[node_field 1 used] > 500000}
        set near [node_field 0 used]
        r unlink {*}[r keys *]
        wait_for_no_far_byte
        assert {[s lazyfreed_objects] > 0}
    }

    foreach {command} {{flushall async} {flushdb async} {flushall sync} {swapdb 9 10} {debug reload}} {
        test "[string toupper $command]: no far byte is left" {
            populate_collections 10
            assert_equal 40 [r numamigrate db 1]
            assert_equal 20 [r numamigrate keys 2 {*}[r keys {[hl]*}]]
            r {*}$command
            if {$command eq {swapdb 9 10}} {
                assert {[far_used] > 0}
                r flushall async
            }
            wait_for_no_far_byte
            r flushall
        }
    }

    foreach {setting code} {
        lazyfree-lazy-expire {
            r pexpire set:0 1
            r pexpire hash:0 1
            wait_for_condition 100 50 {[r exists set:0 hash:0] == 0} else {fail "no expiry"}
        }
        lazyfree-lazy-server-del {
            r rename list:0 hash:0
            r set set:0 value
            r rename zset:0 list:1
        }
        lazyfree-lazy-user-del {
            r del hash:0 set:0 zset:0 list:0
        }
    } {
        test "$setting: far values are freed in the background" {
            r config set $setting yes
            populate_collections 2
            r numamigrate db 1
            set freed [s lazyfreed_objects]
            apply [list {} $code]
            wait_for_condition 100 50 {[s lazyfreed_objects] > $freed} else {fail "not lazy"}
            r config set $setting no
            r flushall
            wait_for_no_far_byte
        }
    }

    test {lazyfree-lazy-user-flush: far values are freed in the background} {
        r config set lazyfree-lazy-user-flush yes
        populate_collections 5
        r numamigrate db 2
        r flushall
        wait_for_no_far_byte
        r config set lazyfree-lazy-user-flush no
    }

    test {Used memory returns to its start after rounds of far values freed in the background} {
        foreach round {1 2 3 4} {
            populate_collections 8
            r numamigrate db [expr {$round % 2 + 1}]
            r flushall async
            wait_for_no_far_byte
            wait_for_condition 100 50 {[s lazyfree_pending_objects] == 0} else {fail "not freed"}
            if {$round == 2} {set near [node_field 0 used]}
        }
        # Buffers of the client come and go; a leak of one collection per round would be more.
        assert_range [expr {[node_field 0 used] - $near}] -65536 65536
    }

    # ---- What the kernel says ----

    # Bytes that the kernel has backed of the mappings in the node's slot: its first page is told by
    # the address of a far value, and a slot is a terabyte here.
    proc kernel_resident {address} {
        set slot [expr {$address >> 40}]
        set total 0
        set inside 0
        foreach line [split [exec cat /proc/[srv 0 pid]/smaps] \n] {
            if {[regexp {^([0-9a-f]+)-[0-9a-f]+ } $line _ start]} {
                set inside [expr {[expr 0x$start] >> 40 == $slot}]
            } elseif {$inside && [regexp {^Rss:\s+(\d+) kB} $line _ kb]} {
                incr total [expr {$kb * 1024}]
            }
        }
        return $total
    }

    proc address_of {key} {
        regexp {Value at:(0x[0-9a-f]+)} [r debug object $key] _ address
        return $address
    }

    # The thread caches and the slabs' unused ends are in no figure of used bytes.
    foreach {what count size} {small 300000 200 large 30 2000000} {
        test "INFO numa: resident is what the kernel says, $what values" {
            r flushall
            populate_strings $count $size
            assert_equal $count [r numamigrate db 1]
            set address [address_of key:1]
            assert {[node_field 1 used] > 50000000}
            set kernel [kernel_resident $address]
            # From libc, only what was asked for is copied, and the last pages stay untouched.
            lassign [expr {[same_size_classes] ? {0.99 1.01} : {0.95 1.05}}] least most
            assert_range [expr {double([node_field 1 resident]) / $kernel}] 0.99 $most
            assert_range [expr {double($kernel) / [node_field 1 used]}] $least 1.10
        }

        test "Far memory goes back to the kernel when $what values are gone" {
            set full [kernel_resident $address]
            r flushall
            assert_equal 0 [far_used]
            wait_for_condition 300 100 {[kernel_resident $address] < $full / 10} else {
                fail "the kernel still backs [kernel_resident $address] of $full bytes"
            }
            assert {[node_field 1 resident] < $full / 10}
        }
    }

    test {Moving home empties the far node too} {
        populate_strings 100000 500
        r numamigrate db 2
        set address [address_of key:1]
        set full [kernel_resident $address]
        assert {$full > 50000000}
        assert_equal 100000 [r numamigrate db 0]
        wait_for_condition 300 100 {[kernel_resident $address] < $full / 10} else {
            fail "the kernel still backs [kernel_resident $address] of $full bytes"
        }
        r flushall
    }

    test {MEMORY commands on far data} {
        r flushall
        foreach name [value_names] {make_value $name $name}
        set usage [lmap key [r keys *] {list $key [r memory usage $key samples 0]}]
        r numamigrate db 1
        foreach pair $usage {
            lassign $pair key bytes
            assert_footprint $bytes [r memory usage $key samples 0]
        }
        assert_equal OK [r memory purge]
        assert {[dict get [r memory stats] dataset.bytes] > [far_used] / 2}
        if {[same_size_classes]} {assert_match {*arenas*} [r memory malloc-stats]}
        assert_not_equal {} [r memory doctor]
        assert_equal PONG [r ping]
    }

    test {used_memory holds far memory, and a migration does not change it much} {
        r flushall
        r set key [string repeat v 10000000]
        set used [s used_memory]
        migrate key 1
        assert {[node_field 1 used] >= 10000000}
        set most [expr {[same_size_classes] ? 100000 : 1000000}]
        assert_range [expr {[s used_memory] - $used}] -100000 $most
    }
}

start_server {tags {numa external:skip} overrides {save {} numa-topology virtual:2
        maxmemory-policy allkeys-lru}} {
    test {maxmemory counts far memory: far keys are evicted as near ones are} {
        populate_strings 5000 1000
        r numamigrate db 1
        set used [s used_memory]
        set far [far_used]
        r config set maxmemory [expr {$used - 2000000}]
        r set more value
        # Eviction goes on in the background when it takes long; the asking client's own buffers
        # come and go above the limit.
        wait_for_condition 100 50 {[s used_memory] <= $used - 2000000 + 100000} else {
            fail "[s used_memory] bytes of $used are still used"
        }
        assert {[s evicted_keys] >= 1000}
        assert {[far_used] < $far - 1500000}
        r config set maxmemory [expr {$used * 2}]
        set evicted [s evicted_keys]
        populate_strings 4000 1000
        assert_equal $evicted [s evicted_keys]
        r config set maxmemory 0
    }

    test {noeviction: a full server refuses writes, and moving keys does not make it less full} {
        r flushall
        r config set maxmemory-policy noeviction
        populate_strings 5000 1000
        r config set maxmemory [expr {[s used_memory] - 1000000}]
        assert_error {OOM*} {r set more value}
        assert_equal 5000 [r numamigrate db 1]
        assert_error {OOM*} {r set more value}
        assert_equal 5000 [r numamigrate db 0]
        r config set maxmemory 0
        assert_equal OK [r set more value]
    }
}

# ---- Active defragmentation ----

start_server {tags {numa defrag external:skip} overrides {save {} numa-topology virtual:3}} {
    if {[string match jemalloc* [s mem_allocator]]} {
        foreach node {1 0} {
            test "Active defragmentation makes a fragmented node denser, node $node" {
                r flushall
                r config set activedefrag no
                populate_strings 150000 150
                for {set i 0} {$i < 40} {incr i} {
                    r hset hash:$i {*}[word_pairs f$i 200]
                    r zadd zset:$i {*}[scored_words m$i 200 100]
                    r rpush list:$i {*}[words e$i 300]
                    r sadd set:$i {*}[words m$i 200]
                }
                make_value {stream with groups} stream
                r numamigrate db 1
                if {$node == 0} {r numamigrate db 0}
                # Every second key: holes everywhere, no slab empty.
                r eval {for i = 1, 150000, 2 do redis.call('del', 'key:' .. i) end} 0
                set used [node_field 1 used]
                if {$node == 1} {assert {[node_field 1 resident] > 1.4 * $used}}
                set digest [r debug digest]

                r config resetstat
                r config set hz 100
                r config set active-defrag-ignore-bytes 1mb
                r config set active-defrag-threshold-lower 5
                r config set active-defrag-cycle-min 65
                r config set active-defrag-cycle-max 75
                r config set activedefrag yes
                wait_for_condition 100 100 {[s active_defrag_running] != 0} else {
                    fail "defragmentation does not start"
                }
                wait_for_condition 300 100 {[s active_defrag_hits] > 10000} else {
                    fail "[s active_defrag_hits] hits"
                }
                if {$node == 1} {
                    wait_for_condition 300 100 {[node_field 1 resident] < 1.2 * $used} else {
                        fail "[node_field 1 resident] bytes resident for $used used"
                    }
                }
                r config set activedefrag no
                assert_alive_and_unchanged $digest
                if {$node == 1} {
                    assert_equal $used [node_field 1 used]
                    assert_equal 0 [r numamigrate db 1]
                    foreach key [r keys *:3] {assert_wholly_on 1 $key}
                    assert_wholly_on 1 stream
                } else {
                    assert_equal 0 [far_used]
                }
                r numamigrate db 2
                assert_alive_and_unchanged $digest
            }
        }

        test {Keys move and change while defragmentation runs} {
            r flushall
            r config set active-defrag-ignore-bytes 1
            r config set active-defrag-threshold-lower 0
            r config set active-defrag-cycle-min 50
            r config set activedefrag yes
            foreach name [value_names] {
                make_value $name key:$name
                make_value $name twin:$name
            }
            foreach node {1 2 0 1 2 0} {
                r numamigrate pattern key:* $node
                foreach name {{hash hashtable} {zset skiplist} {set hashtable} {stream with groups}} {
                    change_value $name key:$name
                    change_value $name twin:$name
                    r numamigrate key key:$name $node
                    after 30
                }
                foreach name [value_names] {
                    assert_equal [r debug digest-value twin:$name] [r debug digest-value key:$name]
                }
            }
            assert {[s active_defrag_hits] > 0}
            r config set activedefrag no
            r flushall
            assert_equal 0 [far_used]
        }
    }
}

# ---- Threads ----

start_server {tags {numa external:skip} overrides {save {} numa-topology virtual:2 io-threads 4
        io-threads-do-reads yes}} {
    test {I/O threads: several clients write and read while everything moves} {
        # 16 clients, so that the threads do take part.
        populate_collections 5
        r set large [string repeat v 100000]
        set keys [lsort [r keys *]]
        set digest [r debug digest-value {*}$keys]
        set bench [open "|src/redis-benchmark -h [srv 0 host] -p [srv 0 port] --dbnum 9 -c 16 -n 5000\
            -r 500 -d 300 -P 16 -q -t set,get,lpush,lpop,sadd,hset,zadd,zpopmin,lrange_100" r]
        set rounds 0
        fconfigure $bench -blocking 0
        while {![eof $bench]} {
            read $bench
            assert {[catch {r numamigrate db [expr {[incr rounds] % 2}]} moved] == 0}
            r getrange large 0 10
        }
        close $bench
        assert {$rounds > 5}
        assert_equal $digest [r debug digest-value {*}$keys]
        assert {[s io_threaded_reads_processed] > 0}
        assert {[s io_threaded_writes_processed] > 0}
        r flushall async
        wait_for_no_far_byte
    }
}
