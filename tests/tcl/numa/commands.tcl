# NUMAMIGRATE beside the other commands: in transactions and scripts, under ACL, across databases;
# and the heat that NUMAMIGRATE INFO tells.

source tests/numa/support/numa.tcl
source tests/numa/support/values.tcl

start_server {tags {numa external:skip} overrides {save {} numa-topology virtual:3}} {
    test {KEYS, PATTERN and DB give the number of keys moved} {
        for {set i 0} {$i < 20} {incr i} {r set key:$i [string repeat $i 100]}
        for {set i 0} {$i < 5} {incr i} {r rpush list:$i a b c}
        r set pooled 1
        assert_equal 3 [r numamigrate keys 1 key:1 key:2 key:1 key:3 absent pooled]
        assert_equal 0 [r numamigrate keys 1 key:1 key:2 key:3]
        assert_equal 1 [r numamigrate keys 1 key:1 key:2 key:3 key:4]
        assert_equal 5 [r numamigrate pattern list:* 1]
        assert_equal 0 [r numamigrate pattern list:* 1]
        assert_equal 10 [r numamigrate pattern {key:1[0-9]} 2]
        assert_equal 0 [r numamigrate pattern nothing* 2]
        assert_equal 15 [r numamigrate db 2]
        assert_equal 25 [r numamigrate db 0]
        assert_equal 0 [r numamigrate db 0]
        assert_equal 0 [far_used]
    }

    test {A pattern and a key may hold any byte} {
        r flushall
        set name "a\x00b\r\n*?\[\]\xff"
        r set $name value
        r set a\x00c value
        assert_equal 1 [r numamigrate pattern "a\x00b*" 1]
        assert_wholly_on 1 $name
        assert_equal 1 [r numamigrate keys 0 $name]
        assert_equal 2 [r numamigrate pattern * 1]
        assert_equal 0 [r numamigrate pattern {} 0]
        r set {} empty-name
        assert_equal 1 [r numamigrate pattern {} 1]
        migrate {} 0
        assert_equal empty-name [r get {}]
    }

    test {A migration stays in the selected database} {
        r flushall
        r set key here
        r select 10
        r set key there
        assert_equal 1 [r numamigrate db 1]
        r select 9
        assert_wholly_on 0 key
        migrate key 2
        r swapdb 9 10
        assert_equal there [r get key]
        assert_wholly_on 1 key
        r select 10
        assert_equal here [r get key]
        assert_wholly_on 2 key
        r move key 11
        r select 11
        assert_wholly_on 2 key
        r flushall
        r select 9
        assert_equal 0 [far_used]
    }

    test {RENAME keeps the place, COPY and RESTORE make a value at home} {
        r flushall
        make_value {hash hashtable} key
        migrate key 1
        r rename key renamed
        assert_wholly_on 1 renamed
        r copy renamed copied
        assert_wholly_on 0 copied
        r restore restored 0 [r dump renamed]
        assert_wholly_on 0 restored
        assert_equal [r debug digest-value renamed copied restored] \
            [lrepeat 3 {*}[r debug digest-value renamed]]
        r set renamed new
        assert_equal 0 [far_used]
    }

    test {Commands that read one far value and store another} {
        r flushall
        r sadd a {*}[words m 300]
        r sadd b {*}[words m 200]
        r zadd z {*}[scored_words m 300 50]
        r rpush l {*}[words m 300]
        foreach key {a b z l} {migrate $key 1}
        assert_equal 200 [r sinterstore c a b]
        assert_equal 300 [r zunionstore y 2 z a]
        assert_equal 300 [r sort l alpha store sorted]
        assert_equal [lsort [words m 300]] [r lrange sorted 0 -1]
        assert_equal 1 [r smove a b [lindex [words m 300] 250]]
        assert_equal [lindex [words m 300] 299] [r rpoplpush l l2]
        assert_equal 201 [r scard b]
        foreach key {c y sorted l2} {assert_wholly_on 0 $key}
        r numamigrate db 2
        r del a b c z y l l2 sorted
        assert_equal 0 [far_used]
    }

    test {Bit, geo and HyperLogLog values move as the strings and sets they are} {
        r flushall
        r pfadd log {*}[words m 500]
        r setbit bits 100000 1
        r geoadd places 13.361389 38.115556 Palermo 15.087269 37.502669 Catania
        set count [r pfcount log]
        assert_equal 3 [r numamigrate db 1]
        assert_equal $count [r pfcount log]
        r pfadd log {*}[words n 500]
        assert {[r pfcount log] > $count}
        assert_equal 1 [r bitcount bits]
        assert_equal 166 [expr {int([r geodist places Palermo Catania km])}]
        r bitop or both bits log
        assert_equal 1 [r getbit both 100000]
    }

    # ---- Transactions and scripts ----

    test {In a transaction} {
        r flushall
        r set key [string repeat v 100]
        r multi
        r numamigrate key key 1
        r numamigrate info key
        r numamigrate keys 2 key
        r numamigrate db 0
        r append key more
        lassign [r exec] moved info keys db length
        assert_equal {OK 1 1 1 104} [list $moved [dict get $info current_node] $keys $db $length]
        assert_wholly_on 0 key
    }

    test {An error in a transaction does not stop it} {
        r multi
        r numamigrate key key 1
        r numamigrate db 9
        r append key more
        assert_error {NUMANONODE*} {r exec}
        assert_equal [string repeat v 100]moremore [r get key]
        assert {[info_of key node1_bytes] > 0}
    }

    test {A transaction that is refused at queueing} {
        r multi
        assert_error {ERR wrong number of arguments*} {r numamigrate}
        assert_error {EXECABORT*} {r exec}
    }

    test {In a script} {
        r set key [string repeat v 100]
        assert_equal {OK 1 0} [r eval {
            local moved = redis.call('numamigrate', 'key', KEYS[1], 1)
            local info = redis.call('numamigrate', 'info', KEYS[1])
            local back = redis.call('numamigrate', 'keys', 1, KEYS[1])
            return {moved.ok, info[6], back}
        } 1 key]
        assert_wholly_on 1 key
        assert_match {NUMANONODE*} [r eval {
            return redis.pcall('numamigrate', 'db', 9).err
        } 0]
        assert_error {*NUMANOKEY*} {r eval {redis.call('numamigrate', 'key', 'absent', 1)} 0}
        assert_equal [string repeat v 100] [r get key]
    }

    test {A script that reads its key while it moves} {
        make_value {zset skiplist} zset
        assert_equal 1500 [r eval {
            local found = 0
            for i = 0, 1499 do
                if i % 100 == 0 then redis.call('numamigrate', 'key', KEYS[1], i / 100 % 3) end
                local member = redis.call('zrange', KEYS[1], i, i)[1]
                if redis.call('zrank', KEYS[1], member) == i then found = found + 1 end
            end
            return found
        } 1 zset]
    }

    # ---- What the command table says ----

    test {COMMAND INFO and COMMAND GETKEYS} {
        lassign [lindex [r command info numamigrate] 0] name arity flags
        assert_equal {numamigrate -2} [list $name $arity]
        assert {{admin} in $flags}
        assert {{movablekeys} in $flags}
        foreach flag {write noscript denyoom} {assert {$flag ni $flags}}
        assert_equal k [r command getkeys numamigrate key k 1]
        assert_equal {a b c} [r command getkeys numamigrate KEYS 1 a b c]
        assert_equal k [r command getkeys numamigrate info k]
        foreach words {{db 1} {pattern a* 1} stats reset help {key k} {keys 1} nosuch} {
            assert_error {ERR Invalid arguments*} {r command getkeys numamigrate {*}$words}
        }
    }

    test {ACL: key patterns, categories and subcommands} {
        r flushall
        r mset foo1 [string repeat v 100] foo2 [string repeat v 100] bar [string repeat v 100]
        r acl setuser mover on nopass ~foo* +numamigrate
        set mover [redis_client]
        $mover auth mover any
        assert_equal OK [$mover numamigrate key foo1 1]
        assert_equal 1 [$mover numamigrate keys 1 foo1 foo2]
        $mover numamigrate info foo1
        foreach words {{key bar 1} {keys 1 foo1 bar} {info bar}} {
            assert_error {NOPERM*} {$mover numamigrate {*}$words}
        }
        assert_wholly_on 0 bar
        r acl setuser mover -@admin
        assert_error {NOPERM*} {$mover numamigrate key foo1 0}
        assert_error {NOPERM*} {$mover numamigrate stats}
        r acl setuser mover +numamigrate|info
        assert_equal string [dict get [$mover numamigrate info foo1] type]
        assert_error {NOPERM*} {$mover numamigrate key foo1 0}
        assert_wholly_on 1 foo1
        assert {{numamigrate} in [r acl cat admin]}
        assert {{numamigrate} in [r acl cat keyspace]}
        $mover close
        r acl deluser mover
    }

    # Like FLUSHDB and KEYS, DB and PATTERN name no key: only the subcommand can be withheld.
    test {ACL: who may use KEY and KEYS alone cannot move what the key patterns hide} {
        r flushall
        r mset foo [string repeat v 100] bar [string repeat v 100]
        r acl setuser mover on nopass ~foo* +numamigrate|key +numamigrate|keys
        set mover [redis_client]
        $mover auth mover any
        assert_equal OK [$mover numamigrate key foo 1]
        foreach words {{db 1} {pattern bar 1} {pattern * 1} {keys 1 bar} {stats}} {
            assert_error {NOPERM*} {$mover numamigrate {*}$words}
        }
        assert_wholly_on 0 bar
        $mover close
        r acl deluser mover
    }

    test {RESET sets every counter to zero, and INFO tells the same numbers} {
        r flushall
        r set key [string repeat v 100]
        migrate key 1
        catch {r config set numa-node-budget {2 0}}
        catch {r numamigrate key key 2}
        r config set numa-node-budget {2 auto}
        foreach field {
            total_migrations successful_migrations failed_migrations total_bytes_migrated
            total_migration_time
        } {
            assert_equal [migration_stat $field] [numa_field numa_$field]
        }
        assert_equal [expr {[migration_stat successful_migrations] + [migration_stat failed_migrations]}] \
            [migration_stat total_migrations]
        assert {[migration_stat failed_node_full] > 0}
        r numamigrate reset
        foreach {name value} [r numamigrate stats] {assert_equal 0 $value $name}
        assert_wholly_on 1 key
    }
}

# ---- Heat ----

start_server {tags {numa external:skip} overrides {save {} numa-topology virtual:2}} {
    proc heat {key} {
        set info [r numamigrate info $key]
        list [dict get $info hotness_level] [dict get $info access_count]
    }

    # Ten idle seconds cool a key by a level, so a slow machine may see one less at most once.
    foreach policy {
        noeviction allkeys-lru volatile-lru allkeys-random volatile-random volatile-ttl
        allkeys-lfu volatile-lfu
    } {
        test "maxmemory-policy $policy: reads make a key hot, asking and moving do not" {
            r flushall
            r config set maxmemory-policy $policy
            foreach {key value} [list raw [string repeat v 100] embstr small int 1234567] {
                r set $key $value
                assert_equal {0 0} [heat $key]
                r numamigrate key $key 1
                r numamigrate db 0
                r object encoding $key
                r type $key
                assert_equal {0 0} [heat $key]
                r get $key
                assert_equal {1 1} [heat $key]
                for {set i 0} {$i < 200} {incr i} {r get $key}
                set hot [heat $key]
                assert_equal 7 [lindex $hot 0]
                assert {[lindex $hot 1] > 20}
                migrate $key 1
                assert_equal $hot [heat $key]
                assert_equal 1 [r numamigrate pattern $key 0]
                assert_equal $hot [heat $key]
            }
        }
    }

    test {The estimate of the accesses is near their number} {
        r flushall
        r config set maxmemory-policy noeviction
        set estimates 0
        for {set i 0} {$i < 64} {incr i} {
            r set key:$i value
            r eval {for i = 1, 1000 do redis.call('get', KEYS[1]) end} 1 key:$i
            incr estimates [info_of key:$i access_count]
        }
        # One estimate is off by a third (a Morris counter of base sqrt 2 or 3/2), 64 by a
        # twentieth; five times that does not happen by chance.
        assert_range [expr {$estimates / 64}] 750 1250
    }

    test {last_access is the time of the last read, not of a migration} {
        r restore key 0 [r dump key:1] idletime 1000
        set before [info_of key last_access]
        assert_range [expr {[clock seconds] - $before}] 999 1010
        migrate key 1
        assert_equal $before [info_of key last_access]
        r get key
        assert_range [expr {[clock seconds] - [info_of key last_access]}] -1 10
    }

    test {An idle key cools: one level in ten seconds} {
        r del key
        r set hot value
        r eval {for i = 1, 20 do redis.call('get', KEYS[1]) end} 1 hot
        assert_equal 7 [info_of hot hotness_level]
        wait_for_condition 150 100 {[info_of hot hotness_level] == 6} else {fail "it stays hot"}
        r get hot
        assert_equal 7 [info_of hot hotness_level]
    }

    test {Heat lives with the value: RENAME keeps it, a new value starts cold} {
        r del renamed
        r rename hot renamed
        assert {[info_of renamed hotness_level] > 5}
        r set renamed other
        assert_equal 0 [info_of renamed access_count]
    }
}
