# With lua-replicate-commands no, a script is propagated as its text. On a replica, and when the AOF
# is loaded, its migrations were the sender's: they move nothing there, and no write of the script
# can depend on their reply.

source tests/numa/support/numa.tcl

start_server {tags {numa repl external:skip} overrides {save {} lua-replicate-commands no}} {
start_server {overrides {save {}}} {
    test {A replica that replays a script migrates nothing} {
        r slaveof [srv -1 host] [srv -1 port]
        wait_for_sync r
        r -1 set key [string repeat y 100]
        r -1 eval {redis.call('incr', KEYS[2]); return redis.call('numamigrate', 'key', KEYS[1], 1)} \
            2 key counter
        wait_for_ofs_sync [srv -1 client] [srv 0 client]
        assert_equal 1 [r get counter]
        assert_equal [r -1 debug digest] [r debug digest]
        assert_equal 0 [dict get [r numamigrate stats] total_migrations]
        assert_equal 0 [dict get [r numamigrate info key] current_node]
        assert_equal 1 [dict get [r -1 numamigrate info key] current_node]
    }
}
}

start_server {tags {numa external:skip} overrides {
    save {} appendonly yes aof-use-rdb-preamble no lua-replicate-commands no
}} {
    test {Loading the AOF migrates nothing} {
        r set key [string repeat y 100]
        r eval {redis.call('incr', 'counter'); return redis.call('numamigrate', 'key', KEYS[1], 1)} 1 key
        set digest [r debug digest]
        r debug loadaof
        assert_equal $digest [r debug digest]
        assert_equal 0 [dict get [r numamigrate info key] current_node]
        assert_equal 1 [dict get [r numamigrate stats] total_migrations]
    }

    test {No write follows a migration in a script that is propagated as its text} {
        assert_error {*Write commands not allowed after non deterministic*} {
            r eval {
                redis.call('numamigrate', 'key', KEYS[1], 1)
                return redis.call('set', 'other', 1)
            } 1 key
        }
        assert_equal OK [r eval {
            redis.replicate_commands()
            redis.call('numamigrate', 'key', KEYS[1], 0)
            return redis.call('set', 'other', 1)
        } 1 key]
    }
}
