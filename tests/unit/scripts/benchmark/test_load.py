"""What the load generator prints is read as it is, or refused."""

import pytest

from scripts.benchmark.load.wrk import Measured, read

PRINTED = """Running 5s test @ http://127.0.0.1:42751/v1/select
  1 threads and 200 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency   490.36ms  718.35ms   4.48s    87.82%
    Req/Sec   711.42    203.05     0.94k    84.00%
  Latency Distribution
     50%  183.10ms
     75%  476.68ms
     90%    1.46s\x20
     99%    3.38s\x20
  3541 requests in 5.01s, 8.37MB read
"""
END = "Requests/sec:    707.23\nTransfer/sec:      1.67MB\n"


def test_rates_and_percentiles_are_read_in_one_unit():
    assert read(PRINTED + END, 200) == Measured(200, 707.23, 183.1, 3380.0, 0)


def test_failed_answers_and_connections_are_errors():
    failed = "  Socket errors: connect 1, read 2, write 0, timeout 3\n"
    failed += "  Non-2xx or 3xx responses: 40\n"
    assert read(PRINTED + failed + END, 200).errors == 46


def test_other_output_is_refused():
    with pytest.raises(ValueError, match="something else than expected"):
        read("unable to connect to 127.0.0.1:1 Connection refused", 1)
