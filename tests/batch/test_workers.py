import os
import time

from postloan.batch.workers import Processes


def square(number):
    if number == 3:
        os._exit(9)
    time.sleep(0.05)
    return number * number


def test_crash_loses_itself_only():
    found = sorted(Processes(2).map(square, range(6)))
    assert found == [0, 1, 4, 16, 25]
