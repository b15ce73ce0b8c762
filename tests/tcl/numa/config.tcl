# The numa-* directives: at start, at run time, written back and read again; and a server without.

source tests/numa/support/numa.tcl
source tests/numa/support/values.tcl

# What a server prints that does not start, or that is ended after it printed what is awaited.
proc output_of_start {args} {
    set dir [tmpdir start]
    set log $dir/output
    set port [find_available_port $::baseport $::portcount]
    set pid [exec src/redis-server {*}$args --port $port --dir $dir --save {} >& $log &]
    wait_for_condition 100 50 {
        ![process_is_alive $pid] || [string match {*Ready to accept*} [exec cat $log]]
    } else {
        exec kill -9 $pid
        fail "neither started nor refused: [exec cat $log]"
    }
    set started [process_is_alive $pid]
    if {$started} {
        exec kill $pid
        wait_for_condition 100 50 {![process_is_alive $pid]} else {fail "server $pid does not end"}
    }
    list $started [exec cat $log]
}

proc assert_started {args} {
    lassign [output_of_start {*}$args] started log
    assert_equal 1 $started $log
    return $log
}

proc assert_refused {pattern args} {
    lassign [output_of_start {*}$args] started log
    assert_equal 0 $started "$args: $log"
    assert_match $pattern $log
}

proc config_value {name {level 0}} {
    lindex [r $level config get $name] 1
}

proc config_line {name {level 0}} {
    set lines {}
    foreach line [split [exec cat [srv $level config_file]] \n] {
        if {[string match "$name *" $line]} {lappend lines $line}
    }
    return $lines
}

tags {numa external:skip} {
    test {At start: bad values are refused with the line, the value and the range} {
        foreach {directive value reason} {
            numa maybe {argument must be 'yes', 'no' or 'auto'}
            numa {yes no} {takes one value, not 2}
            numa-topology flat {argument must be 'real' or 'virtual:<n>' with n from 1 to 16}
            numa-topology virtual:0 {*n from 1 to 16}
            numa-topology virtual:17 {*n from 1 to 16}
            numa-topology virtual: {*n from 1 to 16}
            numa-topology virtual:2x {*n from 1 to 16}
            numa-topology virtual:-1 {*n from 1 to 16}
            numa-topology virtual:99999999999999999999 {*n from 1 to 16}
            numa-node-backend 1 {takes pairs of <node> <value>}
            numa-node-backend {1 malloc} {backend must be 'jemalloc' or 'memkind\[:<kind>\]'}
            numa-node-backend {1 memkind:} {backend must be 'jemalloc' or 'memkind\[:<kind>\]'}
            numa-node-backend {16 jemalloc} {node must be an integer from 0 to 15, not '16'}
            numa-node-backend {x jemalloc} {node must be an integer from 0 to 15, not 'x'}
            numa-node-budget {1 10mb 2} {takes pairs of <node> <value>}
            numa-node-budget {1 -1} {budget must be 'auto' or bytes from 0 to 1099511627776*}
            numa-node-budget {1 lots} {budget must be 'auto' or bytes from 0 to 1099511627776*}
            numa-node-budget {1 2000gb} {budget must be 'auto' or bytes from 0 to 1099511627776*}
            numa-node-budget {1 10xb} {budget must be 'auto' or bytes from 0 to 1099511627776*}
            numa-node-budget {-1 10mb} {node must be an integer from 0 to 15, not '-1'}
        } {
            set words [expr {[llength $value] > 1 ? $value : [list $value]}]
            assert_refused "*FATAL CONFIG FILE ERROR*at line *'$directive *$reason*" \
                --numa-topology virtual:3 --$directive {*}$words
        }
    }

    test {At start: a node that is not there, or the home node, is refused} {
        foreach {directive value} {numa-node-backend memkind numa-node-budget 100mb} {
            assert_refused "*FATAL: $directive: no such node 2: valid nodes are 0-1*" \
                --numa-topology virtual:2 --$directive 2 $value
            assert_refused "*FATAL: $directive: node 0 is the home node*see maxmemory*" \
                --numa-topology virtual:2 --$directive 0 $value
        }
    }

    test {At start: the log tells the nodes} {
        set log [assert_started --numa-topology virtual:3]
        assert_match {*NUMA support is on: 3 virtual nodes, home node 0*} $log
        assert_match {*NUMA node 1: * backend jemalloc, bind none*} $log
        assert_match {*NUMA node 2: *} $log
        assert_no_match {*NUMA node 0*} $log
    }

    test {At start: values in any case, and several lines for several nodes} {
        set conf [tmpfile many.conf]
        set file [open $conf w]
        puts $file "NUMA YES\nNuma-Topology VIRTUAL:4\nnuma-node-budget 1 10mb"
        puts $file "numa-node-budget 2 1GB 3 AUTO\nnuma-node-budget 1 20Mb"
        close $file
        assert_match {*NUMA support is on: 4 virtual*} [assert_started $conf]
    }

    test {--version names the project and memkind} {
        assert_match {*redis-numa v=6.2.*+numa* memkind=*} [exec src/redis-server --version]
    }
}

# ---- Defaults ----

start_server {tags {numa external:skip} omit {numa numa-topology}} {
    test {The defaults} {
        assert_equal {auto real {} {}} [list [config_value numa] [config_value numa-topology] \
            [config_value numa-node-backend] [config_value numa-node-budget]]
    }

    test {CONFIG GET takes patterns and any case} {
        assert_equal {numa auto} [r config get NUMA]
        assert_equal {numa numa-node-backend numa-node-budget numa-topology} \
            [lsort [dict keys [r config get numa*]]]
        assert {[dict exists [r config get *] numa-topology]}
        assert_equal {} [r config get numa-]
    }

    test {CONFIG REWRITE writes no default} {
        r config rewrite
        assert_equal {} [concat [config_line numa] [config_line numa-topology] \
            [config_line numa-node-backend] [config_line numa-node-budget]]
    }
}

# ---- At run time ----

start_server {tags {numa external:skip} overrides {save {} numa yes numa-topology virtual:4
        numa-node-budget {1 100mb 3 7000000}}} {
    test {Start-up values are in effect and CONFIG GET tells them} {
        assert_equal 4 [numa_field numa_nodes]
        assert_equal virtual:4 [numa_field numa_topology]
        assert_equal {yes virtual:4} [list [config_value numa] [config_value numa-topology]]
        assert_equal {1 104857600 3 7000000} [config_value numa-node-budget]
        assert_equal 104857600 [node_field 1 budget]
        assert_equal [node_field 2 size] [node_field 2 budget]
        assert_equal 7000000 [node_field 3 budget]
    }

    test {What is fixed at start takes its own value and no other} {
        foreach {name same other} {
            numa YES no
            numa-topology Virtual:4 virtual:2
            numa-node-backend {1 jemalloc} {1 memkind}
        } {
            assert_equal OK [r config set $name $same]
            assert_error "ERR Invalid argument '$other' for CONFIG SET '$name' -*fixed at start*" {
                r config set $name $other
            }
        }
        assert_equal {yes virtual:4 {}} [list [config_value numa] [config_value numa-topology] \
            [config_value numa-node-backend]]
    }

    test {A budget set at run time is in effect at once, for its node alone} {
        assert_equal OK [r config set numa-node-budget {2 1gb}]
        assert_equal {1 104857600 2 1073741824 3 7000000} [config_value numa-node-budget]
        assert_equal 1073741824 [node_field 2 budget]
        assert_equal OK [r config set numa-node-budget {1 auto 3 8mb}]
        assert_equal {2 1073741824 3 8388608} [config_value numa-node-budget]
        assert_equal [node_field 1 size] [node_field 1 budget]
        assert_equal OK [r config set NUMA-NODE-BUDGET {3 0}]
        r set key [string repeat v 100]
        assert_error {NUMAFULL*} {r numamigrate key key 3}
        r config set numa-node-budget {3 900k}
        migrate key 3
        assert_equal 900000 [node_field 3 budget]
    }

    test {At run time: bad values are refused with the range, and nothing changes} {
        set before [r config get numa*]
        foreach {name value reason} {
            numa maybe {argument must be 'yes', 'no' or 'auto'}
            numa {} {takes one value, not 0}
            numa-topology virtual:17 {*with n from 1 to 16}
            numa-node-budget 1 {takes pairs of <node> <value>}
            numa-node-budget {2 1mb 1} {takes pairs of <node> <value>}
            numa-node-budget {2 1mb 1 bad} {budget must be 'auto' or bytes from 0 to 1099511627776*}
            numa-node-budget {2 1mb 16 1mb} {node must be an integer from 0 to 15, not '16'}
            numa-node-budget {2 1mb 4 1mb} {no such node 4: valid nodes are 0-3}
            numa-node-budget {2 1mb 0 1mb} {node 0 is the home node*see maxmemory}
            numa-node-budget {1 18446744073709551616} {budget must be*}
            numa-node-budget {1 99999999999gb} {budget must be*}
            numa-node-budget {1 "1mb} {unbalanced quotes}
            numa-node-backend {1 malloc} {backend must be*}
        } {
            assert_error "ERR Invalid argument '$value' for CONFIG SET '$name' - $reason" {
                r config set $name $value
            }
            assert_equal $before [r config get numa*]
        }
        assert_error {ERR Unsupported CONFIG parameter*} {r config set numa-nosuch 1}
    }

    test {CONFIG REWRITE, then a restart: the same values} {
        r config set numa-node-budget {1 50mb 2 auto 3 123456}
        set before [r config get numa*]
        r config rewrite
        assert_equal {{numa yes}} [config_line numa]
        assert_equal {{numa-topology virtual:4}} [config_line numa-topology]
        assert_equal {{numa-node-budget 1 52428800} {numa-node-budget 3 123456}} \
            [config_line numa-node-budget]
        assert_equal {} [config_line numa-node-backend]
        restart_server 0 true false
        assert_equal $before [r config get numa*]
        assert_equal 52428800 [node_field 1 budget]
        assert_equal [node_field 2 size] [node_field 2 budget]
        r config rewrite
        assert_equal {{numa-node-budget 1 52428800} {numa-node-budget 3 123456}} \
            [config_line numa-node-budget]
        r config set numa-node-budget {1 auto 3 auto}
        r config rewrite
        assert_equal {} [config_line numa-node-budget]
    }

    test {INFO numa: every line, also in plain INFO} {
        assert_equal 1 [numa_field numa_enabled]
        assert_match {6.2.*+numa*} [numa_field numa_version]
        assert_equal 0 [numa_field numa_home_node]
        for {set id 0} {$id < 4} {incr id} {
            foreach field {used resident budget limit backend bind cpus size free distance} {
                assert_not_equal {} [node_field $id $field]
            }
            assert_equal none [node_field $id bind]
        }
        assert_equal {10|20|20|20 20|20|10|20} [list [node_field 0 distance] [node_field 2 distance]]
        assert_match jemalloc* [node_field 2 backend]
        foreach section {{} everything all default} {
            assert_match {*# Numa*numa_node3:*# Keyspace*} [r info {*}$section]
        }
        assert_no_match {*numa_*} [r info server]
    }

    test {The nodes' used bytes add up to used_memory} {
        # One INFO, so that nothing is allocated between the two figures but the reply.
        r set key [string repeat v 5000000]
        migrate key 2
        set info [r info]
        set sum 0
        foreach {_ used} [regexp -all -inline {numa_node\d+:used=(\d+)} $info] {incr sum $used}
        assert_range [expr {$sum - [getInfoProperty $info used_memory]}] 0 65536
        assert_equal [info_of key memory_footprint] [node_field 2 used]
    }
}

# ---- A server without NUMA support behaves like upstream's ----

foreach {why directives} {
    {numa no} {numa no}
    {numa no} {numa no numa-topology virtual:4}
    {one memory node (numa auto)*} {numa auto numa-topology virtual:1}
} {
    start_server [list tags {numa external:skip} overrides [concat {save {}} $directives]] {
        test "$directives: INFO says that support is off and why" {
            assert_equal 0 [numa_field numa_enabled]
            assert_match $why [numa_field numa_why_off]
            assert_equal {} [numa_field numa_nodes]
        }

        test "$directives: every type works, at no far address" {
            foreach name [value_names] {
                make_value $name $name
                change_value $name $name
            }
            set digest [r debug digest]
            r debug reload
            assert_alive_and_unchanged $digest
            assert_error {NUMAOFF*} {r numamigrate db 0}
            assert_no_match {*NUMA node*} [exec cat [srv 0 stdout]]
        }
    }
}

start_server {tags {numa external:skip} overrides {save {} numa yes numa-topology virtual:1}} {
    test {numa yes with one node: on, and the only target is home} {
        assert_equal 1 [numa_field numa_enabled]
        r set key value
        migrate key 0
        assert_wholly_on 0 key
        assert_error {NUMANONODE no such node 1: valid nodes are 0} {r numamigrate key key 1}
    }
}

start_server {tags {numa external:skip} overrides {save {} numa-topology virtual:16}} {
    test {Sixteen nodes: a value visits them all} {
        make_value {zset skiplist} key
        set image [value_image key]
        for {set node 15} {$node >= 0} {incr node -1} {
            migrate key $node
            assert_wholly_on $node key
            assert_equal $image [value_image key]
        }
        assert_equal 0 [far_used]
        assert_equal 16 [migration_stat successful_migrations]
    }
}
