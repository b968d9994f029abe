"""Calls one method with vcoclient's own request manager: python vcoclient_call.py VCOCLIENT HOST METHOD JSON.

Prints the result as JSON. vcoclient has no command for events; its class that logs in and calls is used directly.
"""

import importlib.util
import json
import sys

path, host, method, parameters = sys.argv[1:]
spec = importlib.util.spec_from_file_location("vcoclient", path)
vcoclient = importlib.util.module_from_spec(spec)
spec.loader.exec_module(vcoclient)
print(json.dumps(vcoclient.VcoRequestManager(host).call_api(method, json.loads(parameters))))
