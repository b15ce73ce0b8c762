# Far values are saved, loaded and replicated as near ones are, also while they move.

source tests/numa/support/numa.tcl
source tests/numa/support/values.tcl

proc make_all_values {} {
    foreach name [value_names] {make_value $name $name}
}

proc data_file {name {level 0}} {
    file join [dict get [srv $level config] dir] $name
}

proc move_back_and_forth {times {level 0}} {
    for {set i 1} {$i <= $times} {incr i} {r $level numamigrate db [expr {$i % 2}]}
}

# Migrations by a client of its own, until it is stopped.
proc start_migrating {{level 0}} {
    set script [tmpfile migrate.tcl]
    set file [open $script w]
    puts $file {
        source tests/support/redis.tcl
        lassign $argv host port
        set client [redis $host $port]
        $client select 9
        set deadline [expr {[clock seconds] + 60}]
        while {[clock seconds] < $deadline} {
            if {[catch {$client numamigrate db 1; $client numamigrate db 0}]} exit
        }
    }
    close $file
    exec [info nameofexecutable] $script [srv $level host] [srv $level port] &
}

proc wait_for_migrations {count {level 0}} {
    set target [expr {[migration_stat total_migrations $level] + $count}]
    wait_for_condition 200 50 {[migration_stat total_migrations $level] >= $target} else {
        fail "no migration is running"
    }
}

proc assert_sound_rdb {file} {
    assert_match {*\\o/ RDB looks OK! \\o/*} [exec src/redis-check-rdb $file]
}

start_server {tags {numa external:skip} overrides {save {} numa-topology virtual:2}} {
    test {SAVE writes the same data set wherever it is} {
        make_all_values
        set digest [r debug digest]
        r numamigrate db 1
        r save
        assert_sound_rdb [data_file dump.rdb]
        assert_alive_and_unchanged $digest
    }

    test {DEBUG RELOAD: the same data set, at home, and no far byte is left} {
        r numamigrate db 1
        r debug reload
        assert_alive_and_unchanged $digest
        assert_equal 0 [far_used]
        r numamigrate db 1
        assert_alive_and_unchanged $digest
    }

    test {BGSAVE while keys move: the file holds the data set of its start} {
        r config set rdb-key-save-delay 100000
        r config set key-load-delay 0
        r bgsave
        assert_equal 1 [s rdb_bgsave_in_progress]
        move_back_and_forth 6
        r set written-later [string repeat v 100]
        assert_equal 1 [s rdb_bgsave_in_progress]
        r config set rdb-key-save-delay 0
        wait_for_condition 300 100 {[s rdb_bgsave_in_progress] == 0} else {fail "BGSAVE goes on"}
        assert_equal ok [s rdb_last_bgsave_status]
        assert_sound_rdb [data_file dump.rdb]
        r debug reload nosave
        assert_alive_and_unchanged $digest
        assert_equal 0 [far_used]
    }

    test {Restart: the same data set, and directives as in the file} {
        r numamigrate db 1
        r save
        restart_server 0 true false
        assert_alive_and_unchanged $digest
        assert_equal 0 [far_used]
        assert_equal 2 [numa_field numa_nodes]
        assert_equal 0 [migration_stat total_migrations]
        r numamigrate db 1
        assert_alive_and_unchanged $digest
    }
}

start_server {tags {numa external:skip} overrides {save {} numa-topology virtual:2 appendonly yes
        auto-aof-rewrite-percentage 0}} {
    foreach preamble {yes no} {
        test "The append-only file is rewritten while keys move, preamble $preamble" {
            r flushall
            r config set aof-use-rdb-preamble $preamble
            make_all_values
            set digest [r debug digest]
            r config set rdb-key-save-delay [expr {$preamble ? 20000 : 0}]
            r bgrewriteaof
            move_back_and_forth 4
            r append {raw of 100 bytes} more
            r rpush {list of many nodes} more
            r numamigrate db 1
            r config set rdb-key-save-delay 0
            wait_for_condition 300 100 {[s aof_rewrite_in_progress] == 0} else {
                fail "the rewrite goes on"
            }
            assert_equal ok [s aof_last_bgrewrite_status]
            assert_not_equal $digest [r debug digest]
            set digest [r debug digest]
            r debug loadaof
            assert_alive_and_unchanged $digest
            assert_equal 0 [far_used]
        }
    }
}

start_server {tags {numa external:skip} overrides {save {} numa-topology virtual:2}} {
start_server {tags {numa external:skip} overrides {save {} numa-topology virtual:2
        repl-diskless-sync-delay 0}} {
    foreach {diskless load} {no disabled yes disabled yes swapdb} {
        test "Full synchronisation while keys move, diskless $diskless, load $load" {
            r -1 replicaof no one
            r -1 flushall
            r -1 set old [string repeat o 1000]
            r -1 numamigrate db 1
            r flushall
            make_all_values
            set digest [r debug digest]
            r config set repl-diskless-sync $diskless
            r -1 config set repl-diskless-load $load
            set migrating [start_migrating]
            wait_for_migrations 50
            r -1 replicaof [srv 0 host] [srv 0 port]
            wait_for_sync [srv -1 client]
            r append {raw of 100 bytes} more
            wait_for_migrations 50
            exec kill $migrating
            wait_for_ofs_sync [srv 0 client] [srv -1 client]
            set digest [r debug digest]
            assert_equal $digest [r -1 debug digest]
            assert_equal 0 [far_used -1]
            r -1 numamigrate db 1
            r numamigrate db 0
            assert_equal $digest [r -1 debug digest]
            assert_equal $digest [r debug digest]
            assert_equal 0 [far_used]
        }
    }

    test {Writes stream to a replica while both move their keys} {
        r flushall
        set here [start_migrating]
        set there [start_migrating -1]
        createComplexDataset {r} 3000
        wait_for_migrations 50
        wait_for_migrations 50 -1
        exec kill $here $there
        wait_for_ofs_sync [srv 0 client] [srv -1 client]
        assert_equal [r debug digest] [r -1 debug digest]
        foreach level {0 -1} {
            r $level numamigrate db 0
            assert_equal 0 [far_used $level]
        }
        assert_equal [r debug digest] [r -1 debug digest]
    }
}
}
