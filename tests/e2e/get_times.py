"""get_times.py PORT PATH...: GETs the paths in turn until stdin ends, then prints the duration of each call as JSON.

It is a separate process, so that the threads of a test do not distort the times.
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
