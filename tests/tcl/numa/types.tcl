# Every type and encoding on the default backend.
set ::far_backend jemalloc
source tests/numa/support/value_tests.tcl
