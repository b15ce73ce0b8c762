# Every type and encoding, moved there and back on the backend that ::far_backend names.

source tests/numa/support/numa.tcl
source tests/numa/support/values.tcl

# Used bytes of each node: before a copy of the value is made, when it is on its last node, and when
# it is deleted. One script, so that no client's buffers come and go meanwhile.
set ::used_by_a_copy {
    local function used()
        local bytes = {}
        for number in redis.call('info', 'numa'):gmatch('numa_node%d+:used=(%d+)') do
            bytes[#bytes + 1] = tonumber(number)
        end
        return bytes
    end
    local before = used()
    redis.call('copy', KEYS[1], KEYS[2])
    for _, node in ipairs(ARGV) do redis.call('numamigrate', 'key', KEYS[2], node) end
    local far = used()
    redis.call('del', KEYS[2])
    return {before, far, used()}
}

# The script's own objects are cached by the second run.
proc used_by_a_copy {script args} {
    for {set i 0} {$i < 3} {incr i} {
        set used [r eval $script 2 key copy {*}$args]
    }
    return $used
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
        set out [info_of key memory_footprint]
        migrate key 1
        migrate key 1
        set home [info_of key memory_footprint]
        migrate key 0
        set stats [r numamigrate stats]
        dict unset stats total_migration_time
        assert_equal [list \
            total_migrations 2 successful_migrations 2 failed_migrations 0 \
            total_bytes_migrated [expr {$out + $home}] peak_concurrent_migrations 1 \
            failed_node_full 0 failed_shared_value 0 failed_module_type 0 \
            node0_keys_in 1 node0_keys_out 1 node0_bytes_in $home node0_bytes_out $out \
            node1_keys_in 1 node1_keys_out 1 node1_bytes_in $out node1_bytes_out $home \
            node2_keys_in 0 node2_keys_out 0 node2_bytes_in 0 node2_bytes_out 0] $stats
    }

    test "$name: used bytes follow it and return when it is deleted" {
        r flushall
        make_value $name key
        foreach path {1 {1 2} {1 2 0}} {
            lassign [used_by_a_copy $::used_by_a_copy {*}$path] before far after
            assert_equal $before $after $path
            set last [lindex $path end]
            assert {[lindex $far $last] > [lindex $before $last]}
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
