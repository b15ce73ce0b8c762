# One value per type and encoding: how it is made, changed and read. A value and its twin, made and
# changed by the same commands, read the same wherever each of them is.

set ::values {}

# `make` and `change` are the bodies of procedures that take the key.
proc define_value {name encoding make change} {
    dict set ::values $name [dict create encoding $encoding make $make change $change]
}

proc value_names {} {
    dict keys $::values
}

proc make_value {name key} {
    apply [list key [dict get $::values $name make]] $key
    assert_equal [dict get $::values $name encoding] [r object encoding $key]
}

proc change_value {name key} {
    apply [list key [dict get $::values $name change]] $key
}

proc with_config {settings code} {
    set before {}
    foreach {name value} $settings {
        lappend before {*}[r config get $name]
        r config set $name $value
    }
    uplevel 1 $code
    foreach {name value} $before {
        r config set $name $value
    }
}

# The number, spread so that neighbours are not in order, and the same in each run.
proc scattered {i} {
    expr {($i * 7919 + 13) % 1000003}
}

# `count` words, every 50th of them long.
proc words {prefix count} {
    set words {}
    for {set i 0} {$i < $count} {incr i} {
        set padding [expr {$i % 50 == 0 ? 200 : $i % 17}]
        lappend words $prefix:[scattered $i][string repeat . $padding]
    }
    return $words
}

proc word_pairs {prefix count} {
    set pairs {}
    foreach word [words $prefix $count] {
        lappend pairs $word [string reverse $word]
    }
    return $pairs
}

proc scored_words {prefix count scores} {
    set pairs {}
    set i 0
    foreach word [words $prefix $count] {
        lappend pairs [expr {[scattered [incr i]] % $scores}] $word
    }
    return $pairs
}

proc is_rehashing {key} {
    string match {*rehashing target*} [r debug htstats-key $key]
}

# ---- Strings ----

define_value embstr embstr {
    r set $key [string repeat e 44]
} {
    r append $key tail
}

define_value {embstr, empty} embstr {
    r set $key {}
} {
    r append $key tail
}

define_value int int {
    r set $key 1234567890123
} {
    r incrby $key 5
}

define_value {raw of 45 bytes} raw {
    r set $key [string repeat r 45]
} {
    r setrange $key 3 abc
}

define_value {raw of 100 bytes} raw {
    r set $key [string repeat {0123456789} 10]
} {
    r append $key [string repeat x 300]
}

define_value {raw of 10 MB} raw {
    r set $key [string repeat {0123456789abcdef} 655360]
} {
    r setrange $key 5000000 changed
    r append $key grown
}

define_value {raw, grown by APPEND} raw {
    for {set i 0} {$i < 100} {incr i} {r append $key [string repeat $i 70]}
    assert {[sds_slack $key] > 0}
} {
    r append $key tail
    r setrange $key 5 abc
}

define_value {raw, grown by SETRANGE} raw {
    r setrange $key 1000 abc
    r setrange $key 5000 def
    assert {[sds_slack $key] > 0}
} {
    r setbit $key 40001 1
}

proc sds_slack {key} {
    regexp {val_sds_avail:(\d+)} [r debug sdslen $key] _ slack
    return $slack
}

# ---- Hashes ----

define_value {hash ziplist} ziplist {
    for {set i 0} {$i < 40} {incr i} {r hset $key f:$i [string repeat $i [expr {$i % 9}]]}
} {
    r hset $key new 1 f:13 changed
    r hincrby $key count 3
    r hdel $key new
}

define_value {hash hashtable} hashtable {
    r hset $key {*}[word_pairs f 1500]
} {
    r hset $key {*}[word_pairs g 200] {*}[string map {1 2} [word_pairs f 50]]
    r hincrbyfloat $key float 1.5
    r hdel $key {*}[lrange [words f 1500] 0 499]
}

define_value {hash in the middle of a rehash} hashtable {
    r hset $key {*}[word_pairs f 1024]
    r hset $key one-more 1
    assert {[is_rehashing $key]}
} {
    r hset $key {*}[word_pairs g 10]
    r hdel $key {*}[lrange [words f 1024] 0 99]
}

# ---- Lists ----

define_value {list of one node} quicklist {
    r rpush $key a 1 [string repeat b 70] {}
} {
    r rpush $key tail
    r lpush $key head
    r lpop $key 2
    r linsert $key before tail inserted
}

define_value {list of many nodes} quicklist {
    with_config {list-max-ziplist-size 8} {r rpush $key {*}[words e 4000]}
} {
    r lpush $key {*}[words h 30]
    r rpush $key {*}[words t 30]
    r lset $key 2000 [string repeat s 300]
    r linsert $key after [string repeat s 300] inserted
    r lrem $key 1 [lindex [words e 4000] 1500]
    r ltrim $key 20 -10
    r rpop $key 100
}

define_value {list with LZF nodes} quicklist {
    with_config {list-max-ziplist-size 16 list-compress-depth 1} {
        r rpush $key {*}[lmap word [words e 2000] {string repeat $word 5}]
    }
    assert_match {*ql_compressed:1*} [r debug object $key]
} {
    r lpush $key {*}[words h 50]
    r rpush $key {*}[words t 50]
    r lset $key 1000 middle
    r linsert $key before middle inserted
    r lpop $key 60
    r rpop $key 60
}

define_value {list of large elements} quicklist {
    for {set i 0} {$i < 8} {incr i} {r rpush $key [string repeat $i 20000]}
} {
    r lset $key 3 [string repeat new 9000]
    r lpop $key
    r rpush $key tail
}

# ---- Sets ----

define_value {intset of 16 bits} intset {
    r sadd $key 1 2 3 -5 300
} {
    r sadd $key 4 100000
    r srem $key 1
}

define_value {intset of 64 bits} intset {
    for {set i 0} {$i < 400} {incr i} {lappend numbers [expr {[scattered $i] * 10000000000}]}
    r sadd $key {*}$numbers
} {
    r sadd $key 5 77777777777777
    r srem $key [expr {[scattered 3] * 10000000000}]
}

define_value {set hashtable} hashtable {
    r sadd $key {*}[words m 1500]
} {
    r sadd $key {*}[words n 300]
    r srem $key {*}[lrange [words m 1500] 500 1000]
}

define_value {set in the middle of a rehash} hashtable {
    r sadd $key {*}[words m 1024]
    r sadd $key one-more
    assert {[is_rehashing $key]}
} {
    r sadd $key {*}[words n 10]
    r srem $key {*}[lrange [words m 1500] 0 99]
}

# ---- Sorted sets ----

define_value {zset ziplist} ziplist {
    r zadd $key 1 a 2 b 2 c -3.5 d inf e
} {
    r zadd $key 7 f 0 a
    r zincrby $key 2.25 b
    r zrem $key c
}

define_value {zset skiplist} skiplist {
    r zadd $key {*}[scored_words m 1500 100000]
} {
    r zadd $key {*}[scored_words n 200 1000] {*}[string map {1 2} [scored_words m 30 50]]
    r zincrby $key 1.5 [lindex [words m 1500] 7]
    r zrem $key {*}[lrange [words m 1500] 500 900]
    r zremrangebyrank $key 10 40
    r zpopmin $key 3
    r zpopmax $key 3
}

define_value {zset skiplist of equal scores} skiplist {
    r zadd $key {*}[scored_words m 2000 3]
} {
    r zadd $key {*}[scored_words n 100 1]
    r zremrangebyscore $key 2 2
    r zrem $key {*}[lrange [words m 2000] 0 99]
}

define_value {zset skiplist, big} skiplist {
    r zadd $key {*}[scored_words m 10000 1000000]
} {
    r zremrangebyrank $key 100 1999
    r zadd $key 5 new
}

define_value {zset in the middle of a rehash} skiplist {
    r zadd $key {*}[scored_words m 1024 5000]
    r zadd $key 1 one-more
    assert {[is_rehashing $key]}
} {
    r zadd $key {*}[scored_words n 10 10]
    r zrem $key {*}[lrange [words m 1500] 0 99]
}

# ---- Streams ----

proc add_entries {key first count} {
    for {set i $first} {$i < $first + $count} {incr i} {
        r xadd $key $i-[expr {$i % 3}] field [scattered $i] other [string repeat v [expr {$i % 90}]]
    }
}

proc add_more_entries {key count} {
    regexp {\d+} [dict get [r xinfo stream $key] last-generated-id] last
    add_entries $key [expr {$last + 10}] $count
}

proc add_groups {key} {
    r xgroup create $key one 0
    r xgroup create $key two 50
    r xgroup create $key nobody \$
    r xgroup createconsumer $key one idle
    r xreadgroup group one alice count 90 streams $key >
    r xreadgroup group one bob count 40 streams $key >
    r xreadgroup group one bob count 5 noack streams $key >
    r xreadgroup group two carol count 200 streams $key >
    r xgroup createconsumer $key two idle
}

define_value {stream of one listpack} stream {
    add_entries $key 1 5
} {
    add_more_entries $key 5
    r xdel $key 2-2
}

define_value {stream of many listpacks} stream {
    with_config {stream-node-max-entries 10} {add_entries $key 1 600}
    # Ids with a shorter common prefix split the radix tree's long nodes.
    r xadd $key 99999999999-7 far away
    r xadd $key 999999999999999-0 farther away
} {
    add_more_entries $key 30
    r xdel $key 20-2 300-0
    r xtrim $key maxlen 300
}

define_value {stream with groups} stream {
    with_config {stream-node-max-entries 10} {add_entries $key 1 400}
    add_groups $key
} {
    with_config {stream-node-max-entries 10} {add_more_entries $key 50}
    r xack $key one 1-1 2-2 3-0 100-1
    r xreadgroup group one bob count 20 streams $key >
    r xreadgroup group two alice count 20 streams $key >
    r xclaim $key one carol 0 5-2 6-0 7-1
    r xautoclaim $key one dave 0 0 count 10
    r xgroup delconsumer $key one alice
    r xgroup destroy $key nobody
    r xgroup create $key nobody 100
    r xtrim $key maxlen 350
}


define_value {stream with a group and no entry} stream {
    r xgroup create $key one 0 mkstream
    r xgroup createconsumer $key one alice
} {
    add_more_entries $key 3
    r xreadgroup group one alice count 2 streams $key >
}

# ---- Reading ----

# The value byte by byte and as it is laid out, by commands that move no rehash on.
proc value_image {key} {
    set image [list [r debug digest-value $key] [r dump $key] [r object encoding $key]]
    switch [r object encoding $key] {
        hashtable - skiplist {lappend image [r debug htstats-key $key]}
        stream {lappend image [r xinfo stream $key full count 0]}
        quicklist {lappend image [regexp -inline {ql_.*$} [r debug object $key]]}
        raw {lappend image [r strlen $key] [sds_slack $key]}
    }
    return $image
}

# The value through its own reads: from both ends, and element by element. No times, so that a value
# and its twin compare equal.
proc value_reads {key} {
    list [r debug digest-value $key] [read_[r type $key] $key]
}

proc read_string {key} {
    list [r strlen $key] [r getrange $key 0 4999] [r getrange $key -5000 -1]
}

proc read_hash {key} {
    set fields [lsort [r hkeys $key]]
    list $fields [r hmget $key {*}$fields] [r hlen $key]
}

proc read_list {key} {
    set backwards {}
    for {set i -1} {$i >= -200} {incr i -1} {lappend backwards [r lindex $key $i]}
    list [r lrange $key 0 -1] [r llen $key] $backwards [r lpos $key tail rank -1]
}

proc read_set {key} {
    set members [lsort [r smembers $key]]
    list $members [r smismember $key {*}$members absent] [r scard $key]
}

proc read_zset {key} {
    set members [r zrange $key 0 999]
    set ranks {}
    for {set i 0} {$i < [r zcard $key]} {incr i 97} {
        lappend ranks [set member [r zrange $key $i $i]] [r zrank $key $member]
    }
    list $members [r zrange $key 0 999 rev withscores] [r zmscore $key {*}$members] $ranks \
        [r zrangebyscore $key 1 100 limit 5 20] [r zcount $key 0 50]
}

proc read_stream {key} {
    set reads [list [r xrange $key - +] [r xrevrange $key + -] [r xlen $key] [r xinfo groups $key]]
    foreach group [r xinfo groups $key] {
        set name [dict get $group name]
        lappend reads [r xpending $key $name]
        lappend reads [lmap pending [r xpending $key $name - + 1000] {lreplace $pending 2 2}]
        foreach consumer [r xinfo consumers $key $name] {
            set who [dict get $consumer name]
            lappend reads $who [dict get $consumer pending]
            lappend reads [lmap pending [r xpending $key $name - + 1000 $who] {lreplace $pending 2 2}]
        }
    }
    return $reads
}
