# The server runs on a virtual topology and knows our command. An example for other files.
start_server {tags {"numa"} overrides {numa-topology virtual:2}} {
    test {A server with two virtual nodes answers} {
        assert_equal [r ping] PONG
    }

    test {NUMAMIGRATE HELP lists its subcommands} {
        assert_match {*KEY*} [r numamigrate help]
    }
}
