# What stands behind a far node, and what INFO and the log say where that is reduced. The values
# themselves on memkind: types_memkind.tcl.

source tests/numa/support/numa.tcl
source tests/numa/support/values.tcl

proc has_memkind {} {
    string match {*memkind=yes*} [exec src/redis-server --version]
}

proc assert_works_on {node} {
    r flushall
    make_value {hash hashtable} key
    set image [value_image key]
    migrate key $node
    assert_wholly_on $node key
    assert_equal $image [value_image key]
    migrate key 0
    assert_equal 0 [far_used]
}

# Runs the code with a libmemkind.so.0 in the way that is none.
proc without_memkind {code} {
    set dir [file normalize [tmpdir nomemkind]]
    close [open $dir/libmemkind.so.0 w]
    set before [expr {[info exists ::env(LD_LIBRARY_PATH)] ? $::env(LD_LIBRARY_PATH) : {}}]
    set ::env(LD_LIBRARY_PATH) $dir:$before
    uplevel 1 $code
    if {$before eq {}} {unset ::env(LD_LIBRARY_PATH)} else {set ::env(LD_LIBRARY_PATH) $before}
}

if {[has_memkind]} {
    start_server {tags {numa external:skip} overrides {save {} numa-topology virtual:3
            numa-node-backend {1 memkind} numa-node-budget {1 64mb}}} {
        test {memkind behind one node, jemalloc behind the other} {
            assert_equal {memkind jemalloc} [list [node_field 1 backend] [node_field 2 backend]]
            assert_equal {} [numa_field numa_node1_reduced]
            assert_equal {1 memkind} [lindex [r config get numa-node-backend] 1]
            assert_match {*NUMA node 1: *backend memkind*} [exec cat [srv 0 stdout]]
            assert_works_on 1
            assert_works_on 2
        }

        test {CONFIG REWRITE keeps the backend, and a restart takes it} {
            r config rewrite
            restart_server 0 true false
            assert_equal {memkind jemalloc} [list [node_field 1 backend] [node_field 2 backend]]
            assert_equal {1 memkind} [lindex [r config get numa-node-backend] 1]
        }

        test {A memkind node is full at its budget, and has room again} {
            r flushall
            for {set i 0} {$i < 80} {incr i} {r set key:$i [string repeat $i 500000]}
            set digest [r debug digest]
            assert_error {NUMAFULL node 1*} {r numamigrate db 1}
            assert_range [node_field 1 used] 40000000 67108864
            assert_alive_and_unchanged $digest
            r numamigrate db 0
            assert_equal 0 [far_used]
            assert_error {NUMAFULL node 1*} {r numamigrate db 1}
            assert_alive_and_unchanged $digest
            r flushall async
            wait_for_condition 100 50 {[far_used] == 0} else {fail "far bytes are left"}
        }

        test {Far memory of memkind recycled again and again reads as it was written} {
            foreach round {1 2 3 4 5} {
                make_value {zset skiplist} zset
                make_value {stream with groups} stream
                make_value {list with LZF nodes} list
                set digest [r debug digest]
                r numamigrate db 1
                foreach name {{zset skiplist} {stream with groups} {list with LZF nodes}} {
                    change_value $name [lindex $name 0]
                }
                assert {[r debug digest] ne $digest}
                set digest [r debug digest]
                r numamigrate db 0
                assert_alive_and_unchanged $digest
                r flushall
                assert_equal 0 [far_used]
            }
        }
    }

    without_memkind {
        start_server {tags {numa external:skip} overrides {save {} numa-topology virtual:2
                numa-node-backend {1 memkind}}} {
            test {Without libmemkind the node works on jemalloc, and INFO and the log say so} {
                assert_equal jemalloc [node_field 1 backend]
                assert_match {memkind is not installed*} [numa_field numa_node1_reduced]
                assert_match {*NUMA node 1 is reduced: memkind is not installed*} \
                    [exec cat [srv 0 stdout]]
                assert_equal {1 memkind} [lindex [r config get numa-node-backend] 1]
                assert_works_on 1
            }
        }
    }

    # A virtual topology knows no kinds; on this machine most are absent anyway.
    start_server {tags {numa external:skip} overrides {save {} numa-topology virtual:2
            numa-node-backend {1 memkind:dax-kmem} numa-node-budget {1 64mb}}} {
        test {A memkind kind that this machine does not have is named as missing} {
            assert_equal memkind [node_field 1 backend]
            if {[glob -nocomplain /sys/bus/dax/drivers/kmem/dax*] eq {}} {
                assert_match {*dax-kmem*} [numa_field numa_node1_reduced]
            }
            assert_equal {1 memkind:dax-kmem} [lindex [r config get numa-node-backend] 1]
            assert_works_on 1
        }
    }
} else {
    test {A server built without memkind refuses the backend and says why} {
        set dir [tmpdir start]
        set port [find_available_port $::baseport $::portcount]
        assert {[catch {
            exec src/redis-server --port $port --dir $dir --numa-topology virtual:2 \
                --numa-node-backend 1 memkind
        } output] == 1}
        assert_match {*built with MEMKIND=no*backend must be 'jemalloc'*} $output
    }
}
