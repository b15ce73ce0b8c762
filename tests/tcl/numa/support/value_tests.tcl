# Every type and encoding, moved there and back on the backend that ::far_backend names.

source tests/numa/support/numa.tcl
source tests/numa/support/values.tcl

# Used bytes of each node that a copy of the value adds, first where it is made, then when it is on
# its last node, and when it is deleted; and what a key adds whose value owns nothing. It is one
# script, so that no client's buffers come and go meanwhile.
set ::added_bytes {
    -- Redis keeps a script's last arguments as they are: leave it the same ones each time. And an
    -- INFO that grows needs near memory itself, so near is what is not far of MEMORY STATS.
    local any = string.rep('x', 40)
    local function used()
        redis.call('exists', any, any, any, any)
        local bytes, stats = {}, redis.call('memory', 'stats')
        for i = 1, #stats, 2 do
            if stats[i] == 'total.allocated' then bytes[1] = stats[i + 1] end
        end
        for far in redis.call('info', 'numa'):gmatch('numa_node[1-9]%d*:used=(%d+)') do
            bytes[#bytes + 1] = tonumber(far)
            bytes[1] = bytes[1] - far
        end
        return bytes
    end
    local before = used()
    local function added()
        local bytes = used()
        for i = 1, #bytes do bytes[i] = bytes[i] - before[i] end
        return bytes
    end
    redis.call('copy', KEYS[1], KEYS[2])
    local made = added()
    for _, node in ipairs(ARGV) do redis.call('numamigrate', 'key', KEYS[2], node) end
    local moved = added()
    redis.call('del', KEYS[2])
    local deleted = added()
    redis.call('set', KEYS[2], 42)
    local key = added()
    redis.call('del', KEYS[2])
    return {made, moved, deleted, key}
}

# The first run makes what Redis keeps of a script.
proc added_bytes {args} {
    for {set i 0} {$i < 3} {incr i} {
        set added [r eval $::added_bytes 2 key copy {*}$args]
    }
    return $added
}

proc test_value {name} {
    test "$name: there and back, unchanged at every stop" {
        r flushall
        make_value $name key
        set image [value_image key]
        set footprint [info_of key memory_footprint]
        assert_wholly_on 0 key
        foreach node {1 0 1 2 0} {
            migrate key $node
            assert_wholly_on $node key
            assert_equal $image [value_image key]
            if {[same_size_classes]} {assert_equal $footprint [info_of key memory_footprint]}
        }
    }

    test "$name: used and changed far away like its twin at home" {
        r flushall
        make_value $name key
        make_value $name twin
        foreach node {1 2 0} {
            migrate key $node
            assert_equal [value_reads twin] [value_reads key]
            change_value $name twin
            change_value $name key
            assert_equal [value_reads twin] [value_reads key]
        }
    }

    test "$name: the counters are exact" {
        r flushall
        make_value $name key
        r numamigrate reset
        set near [info_of key memory_footprint]
        migrate key 1
        migrate key 1
        set far [info_of key memory_footprint]
        migrate key 2
        set stats [r numamigrate stats]
        dict unset stats total_migration_time
        assert_equal [list \
            total_migrations 2 successful_migrations 2 failed_migrations 0 \
            total_bytes_migrated [expr {$near + $far}] peak_concurrent_migrations 1 \
            failed_node_full 0 failed_shared_value 0 failed_module_type 0 \
            node0_keys_in 0 node0_keys_out 1 node0_bytes_in 0 node0_bytes_out $near \
            node1_keys_in 1 node1_keys_out 1 node1_bytes_in $near node1_bytes_out $far \
            node2_keys_in 1 node2_keys_out 0 node2_bytes_in $far node2_bytes_out 0] $stats
    }

    # What the allocator says, whatever the adapters visit: only the key's name and its entry stay.
    test "$name: its bytes leave home and arrive, and all return when it is deleted" {
        r flushall
        make_value $name key
        foreach path {1 {1 2} {1 2 0}} {
            lassign [added_bytes {*}$path] made moved deleted key
            assert_equal {0 0 0} $deleted $path
            assert_equal {0 0} [lrange $made 1 end]
            set last [lindex $path end]
            set expected $key
            if {$last == 0} {
                set expected $made
            } else {
                lset expected $last [expr {[lindex $made 0] - [lindex $key 0]}]
            }
            if {![same_size_classes]} {
                assert {[lindex $moved $last] > [lindex $key $last]}
                lset expected $last [lindex $moved $last]
            }
            assert_equal $expected $moved $path
        }
        migrate key 1
        assert_equal [info_of key memory_footprint] [node_field 1 used]
        assert_equal [far_used] [node_field 1 used]
        r del key
        assert_equal 0 [far_used]
    }
}

# The slow log and the latency monitor allocate by the clock.
start_server [list tags {numa external:skip} overrides [list save {} numa-topology virtual:3 \
        numa-node-backend "1 $::far_backend 2 $::far_backend" \
        numa-node-budget "1 512mb 2 512mb" \
        slowlog-log-slower-than -1 latency-monitor-threshold 0]] {
    test "The far nodes are backed by $::far_backend" {
        assert_equal $::far_backend [node_field 1 backend]
        assert_equal $::far_backend [node_field 2 backend]
    }

    foreach name [value_names] {
        test_value $name
    }

    test {An integer of the shared pool has nothing to move} {
        r flushall
        r set key 42
        r numamigrate reset
        migrate key 1
        assert_equal 42 [r get key]
        assert_equal 2147483647 [r object refcount key]
        assert_equal 0 [far_used]
        assert_equal 0 [migration_stat total_migrations]
        assert_equal 43 [r incr key]
    }

    test {All values together: DB moves each once, and their digest stays} {
        r flushall
        foreach name [value_names] {make_value $name $name}
        set digest [r debug digest]
        set count [llength [value_names]]
        foreach {node expected} [list 1 $count 2 $count 0 $count] {
            assert_equal $expected [r numamigrate db $node]
            assert_equal 0 [r numamigrate db $node]
            foreach name [value_names] {assert_wholly_on $node $name}
            assert_alive_and_unchanged $digest
        }
        assert_equal 0 [far_used]
    }

    test {All values are changed far away and moved on, again and again} {
        r flushall
        foreach name [value_names] {
            make_value $name key:$name
            make_value $name twin:$name
        }
        foreach node {1 2 0} {
            assert {[r numamigrate pattern key:* $node] > 0}
            foreach name [value_names] {
                change_value $name key:$name
                change_value $name twin:$name
                assert_equal [r debug digest-value twin:$name] [r debug digest-value key:$name] $name
            }
        }
        r numamigrate db 1
        r flushall
        assert_equal 0 [far_used]
    }
}
