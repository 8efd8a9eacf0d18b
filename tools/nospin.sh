#!/bin/sh
# No loop may wait for another CPU (tools/nospin.py).
exec python3 "$(dirname "$0")/nospin.py"
