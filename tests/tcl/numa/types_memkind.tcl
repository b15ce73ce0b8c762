# Every type and encoding with memkind behind the far nodes.
set ::far_backend memkind
source tests/numa/support/value_tests.tcl
