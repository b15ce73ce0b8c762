# What every test of this directory needs: the fields of INFO numa and of NUMAMIGRATE.

proc numa_field {field {level 0}} {
    getInfoProperty [r $level info numa] $field
}

# One field of a node's line: used, resident, budget, limit, backend, bind, …
proc node_field {node field {level 0}} {
    foreach pair [split [numa_field numa_node$node $level] ,] {
        lassign [split $pair =] name value
        if {$name eq $field} {return $value}
    }
    fail "INFO numa has no field $field of node $node"
}

proc far_used {{level 0}} {
    numa_field numa_far_used $level
}

proc info_of {key field {level 0}} {
    dict get [r $level numamigrate info $key] $field
}

proc migration_stat {field {level 0}} {
    dict get [r $level numamigrate stats] $field
}

proc migrate {key node {level 0}} {
    assert_equal OK [r $level numamigrate key $key $node]
}

# Every byte of the value is on the node, and on no other.
proc assert_wholly_on {node key {level 0}} {
    set info [r $level numamigrate info $key]
    set footprint [dict get $info memory_footprint]
    assert_equal $node [dict get $info current_node] $key
    for {set id 0} {$id < [numa_field numa_nodes $level]} {incr id} {
        set expected [expr {$id == $node ? $footprint : 0}]
        assert_equal $expected [dict get $info node${id}_bytes] "$key, node $id"
    }
}

# Two heaps of one allocator round a block to the same size; two allocators need not.
proc same_size_classes {} {
    expr {[string match jemalloc* [s mem_allocator]] && [node_field 1 backend] eq {jemalloc}}
}

# A block whose near and far sizes differ (libc near, in a sanitizer build) grows by its move.
proc assert_footprint {expected actual} {
    if {[same_size_classes]} {assert_equal $expected $actual} else {assert {$actual >= $expected}}
}

proc assert_alive_and_unchanged {digest {level 0}} {
    assert_equal PONG [r $level ping]
    assert_equal $digest [r $level debug digest]
}
