# A migration changes where a value is, and nothing else that anyone can see.

source tests/numa/support/numa.tcl
source tests/numa/support/values.tcl

proc move_in_every_way {key} {
    migrate $key 1
    assert_equal 1 [r numamigrate keys 0 $key]
    assert {[r numamigrate pattern $key 1] == 1}
    r numamigrate info $key
    assert {[r numamigrate db 0] >= 1}
}

start_server {tags {numa external:skip} overrides {save {} numa-topology virtual:2}} {
    test {The time to live stays} {
        r set key [string repeat v 100]
        r set other value
        r pexpireat key 33177117420000
        move_in_every_way key
        migrate key 1
        assert_range [expr {33177117420000 - [clock milliseconds] - [r pttl key]}] -1000 1000
        assert_equal -1 [r pttl other]
        assert_equal {} [r set key 1 nx]
        r set volatile [string repeat v 100] px 100
        migrate volatile 1
        wait_for_condition 50 100 {[r exists volatile] == 0} else {fail "the key did not expire"}
        wait_for_condition 50 100 {[s expired_keys] == 1} else {fail "the key did not expire"}
    }

    proc dump_of_a_string {} {
        r set dumped [string repeat v 100]
        set dump [r dump dumped]
        r del dumped
        return $dump
    }

    foreach policy {
        noeviction allkeys-lru volatile-lru allkeys-random volatile-random volatile-ttl
        allkeys-lfu volatile-lfu
    } {
        test "maxmemory-policy $policy: OBJECT IDLETIME and FREQ stay" {
            r flushall
            r config set maxmemory-policy $policy
            if {[string match *lfu $policy]} {
                r restore key 0 [dump_of_a_string] freq 77
                move_in_every_way key
                assert_range [r object freq key] 76 77
            } else {
                r restore key 0 [dump_of_a_string] idletime 1000
                move_in_every_way key
                assert_range [r object idletime key] 1000 1060
            }
            migrate key 1
            assert_wholly_on 1 key
        }
    }
    r config set maxmemory-policy noeviction

    test {WATCH does not see a migration, but sees a change} {
        r set key [string repeat v 100]
        set other [redis_client]
        r watch key
        $other numamigrate key key 1
        $other numamigrate db 0
        r multi
        r ping
        assert_equal PONG [r exec]
        r watch key
        $other append key more
        r multi
        r ping
        assert_equal {} [r exec]
        $other close
    }

    test {A tracking client hears of a change, not of a migration} {
        r set key [string repeat v 100]
        set hears [redis_deferring_client]
        $hears client id
        set id [$hears read]
        $hears subscribe __redis__:invalidate
        $hears read
        r client tracking on redirect $id
        r get key
        move_in_every_way key
        r set other value
        r get key
        r append key more
        assert_equal {message __redis__:invalidate key} [$hears read]
        r client tracking off
        $hears close
    }

    test {Keyspace notifications are silent} {
        r config set notify-keyspace-events KEA
        set hears [redis_deferring_client]
        $hears psubscribe *
        $hears read
        move_in_every_way key
        r set marker 1
        assert_equal {pmessage * __keyspace@9__:marker set} [$hears read]
        $hears close
    }

    test {Nothing counts as changed, hit or missed} {
        r config resetstat
        set changes [s rdb_changes_since_last_save]
        move_in_every_way key
        catch {r numamigrate key absent 1}
        assert_equal $changes [s rdb_changes_since_last_save]
        assert_equal {0 0} [list [s keyspace_hits] [s keyspace_misses]]
        r set marker 1
        assert_equal [expr {$changes + 1}] [s rdb_changes_since_last_save]
    }

    test {A client blocked in BLPOP is served after its key was moved} {
        r del list
        set blocked [redis_deferring_client]
        $blocked blpop list 0
        wait_for_blocked_clients_count 1
        assert_error {NUMANOKEY*} {r numamigrate key list 1}
        r numamigrate db 1
        r multi
        r rpush list element second
        r numamigrate key list 1
        r exec
        assert_equal {list element} [$blocked read]
        assert_equal second [r lpop list]
        $blocked close
    }

    test {A client blocked in XREADGROUP is served after its key was moved} {
        r del stream
        r xgroup create stream group 0 mkstream
        set blocked [redis_deferring_client]
        $blocked xreadgroup group group alice block 0 streams stream >
        wait_for_blocked_clients_count 1
        migrate stream 1
        r xadd stream 1-1 field value
        assert_equal {{stream {{1-1 {field value}}}}} [$blocked read]
        assert_equal {1 1-1 1-1 {{alice 1}}} [r xpending stream group]
        migrate stream 0
        assert_equal {1 1-1 1-1 {{alice 1}}} [r xpending stream group]
        $blocked close
    }

    test {A SCAN is complete across a migration of the database} {
        r flushall
        for {set i 0} {$i < 2000} {incr i} {r set key:$i $i-value}
        set cursor 0
        set seen {}
        set node 0
        while 1 {
            lassign [r scan $cursor count 50] cursor keys
            foreach key $keys {dict set seen $key 1}
            set node [expr {1 - $node}]
            assert_equal 2000 [r numamigrate db $node]
            if {$cursor == 0} break
        }
        assert_equal 2000 [dict size $seen]
        assert_equal 2000 [r dbsize]
    }

    foreach {type add scan} {
        hash hset hscan
        set sadd sscan
        zset zadd zscan
    } {
        test "A [string toupper $scan] is complete across migrations of its key" {
            r del key
            for {set i 0} {$i < 1000} {incr i} {
                r $add key {*}[expr {$type eq {zset} ? "$i m:$i" : $type eq {hash} ? "m:$i v" : "m:$i"}]
            }
            set cursor 0
            set seen {}
            set node 0
            while 1 {
                lassign [r $scan key $cursor count 50] cursor found
                foreach word $found {if {[string match m:* $word]} {dict set seen $word 1}}
                migrate key [set node [expr {1 - $node}]]
                if {$cursor == 0} break
            }
            assert_equal 1000 [dict size $seen]
        }
    }

    test {Shared integers are still reported as shared, others as held once} {
        r set small 42
        r set large 1234567
        r numamigrate db 1
        assert_equal 2147483647 [r object refcount small]
        assert_match {*refcount:2147483647 *} [r debug object small]
        assert_equal 1 [r object refcount large]
        assert_match {*refcount:1 *} [r debug object large]
        assert_equal {int int} [list [r object encoding small] [r object encoding large]]
        migrate small 1
        assert_equal 2147483647 [r object refcount small]
    }
}

# ---- What others are told: the append-only file and the replicas ----

start_server {tags {numa external:skip} overrides {save {} numa-topology virtual:2}} {
start_server {tags {numa external:skip} overrides {save {} numa-topology virtual:2 appendonly yes
        appendfsync always auto-aof-rewrite-percentage 0}} {
    test {A master and its replica, in step} {
        r -1 replicaof [srv 0 host] [srv 0 port]
        wait_for_sync [srv -1 client]
        for {set i 0} {$i < 100} {incr i} {r set key:$i [string repeat $i 100]}
        wait_for_ofs_sync [srv 0 client] [srv -1 client]
        assert_equal [r debug digest] [r -1 debug digest]
    }

    # The replication offset also counts the master's pings, so it is compared with what one known
    # write adds in a transaction: nothing comes between its commands.
    proc offset_added {script} {
        r eval "
            local function offset()
                return tonumber(redis.call('info', 'replication'):match('master_repl_offset:(%d+)'))
            end
            local before = offset()
            $script
            return offset() - before" 0
    }

    proc aof_path {} {
        file join [dict get [srv 0 config] dir] appendonly.aof
    }

    test {A migration adds nothing to the replication offset and the append-only file} {
        set aof [s aof_current_size]
        assert_equal 0 [offset_added {
            redis.call('numamigrate', 'key', 'key:1', 1)
            redis.call('numamigrate', 'keys', 0, 'key:1', 'key:2')
            redis.call('numamigrate', 'pattern', 'key:*', 1)
            redis.call('numamigrate', 'db', 0)
        }]
        assert_equal 100 [r numamigrate db 1]
        assert_equal $aof [s aof_current_size]
        assert_equal 0 [far_used -1]
    }

    test {In a transaction and in a script only the writes are told} {
        set stream [attach_to_replication_stream]
        r multi
        r set key:1 new
        r numamigrate key key:2 1
        r numamigrate db 0
        r set key:2 new
        r exec
        r eval {
            redis.call('set', KEYS[1], 'newer')
            redis.call('numamigrate', 'key', KEYS[1], 1)
            redis.call('set', KEYS[2], 'newer')
        } 2 key:1 key:2
        r multi
        r numamigrate db 1
        r exec
        r set marker value
        assert_replication_stream $stream {
            {select *} {multi} {set key:1 new} {set key:2 new} {exec}
            {multi} {set key:1 newer} {set key:2 newer} {exec}
            {set marker value}
        }
        close_replication_stream $stream
        assert_no_match {*numamigrate*} [string tolower [exec cat [aof_path]]]
    }

    test {A read-only replica moves its own keys, and only those} {
        wait_for_ofs_sync [srv 0 client] [srv -1 client]
        r numamigrate db 0
        set digest [r debug digest]
        assert_error {READONLY*} {r -1 set key:1 x}
        assert_equal [r -1 dbsize] [r -1 numamigrate db 1]
        assert_equal 0 [far_used]
        assert {[far_used -1] > 0}
        assert_equal $digest [r -1 debug digest]
        r append key:3 [string repeat more 100]
        r del key:4
        wait_for_ofs_sync [srv 0 client] [srv -1 client]
        assert_equal [r debug digest] [r -1 debug digest]
    }

    test {A replica leaves an expired key to its master, also when it moves keys} {
        r debug set-active-expire 0
        r set volatile [string repeat v 100] px 1
        wait_for_ofs_sync [srv 0 client] [srv -1 client]
        after 10
        assert_error {NUMAEXPIRED*} {r -1 numamigrate key volatile 1}
        r -1 numamigrate db 0
        assert_equal [r dbsize] [r -1 dbsize]
        r del volatile
        r debug set-active-expire 1
    }

    test {The append-only file alone restores the data} {
        set digest [r debug digest]
        r debug loadaof
        assert_equal $digest [r debug digest]
        assert_equal 0 [far_used]
    }

    test {A script replicated as a whole does not move the replica's keys} {
        r -1 numamigrate db 0
        r config set lua-replicate-commands no
        r set scripted [string repeat v 100]
        wait_for_ofs_sync [srv 0 client] [srv -1 client]
        catch {r eval {
            redis.call('set', KEYS[1], 'marker')
            redis.call('numamigrate', 'key', KEYS[2], 1)
        } 2 marker scripted}
        r config set lua-replicate-commands yes
        wait_for_ofs_sync [srv 0 client] [srv -1 client]
        assert_equal [r debug digest] [r -1 debug digest]
        assert_equal 0 [far_used -1]
        r debug loadaof
        assert_equal 0 [far_used]
    }
}
}
