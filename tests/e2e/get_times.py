"""get_times.py PORT PATH...: GETs the paths in turn until its stdin ends, then prints what each call took, as JSON.

A process of its own, so that the times are those of the answers and not of a test's many threads.
"""

import http.client
import json
import select
import sys
import time

seconds = []
while not select.select([sys.stdin], [], [], 0)[0]:
    for path in sys.argv[2:]:
        connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=60)
        begun = time.monotonic()
        connection.request("GET", path)
        connection.getresponse().read()
        seconds.append(time.monotonic() - begun)
        connection.close()
    time.sleep(0.002)
print(json.dumps(seconds))
