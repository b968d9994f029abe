"""What catalystwan, Cisco's own SDK, reads of a manager: python catalystwan_call.py URL USER PASSWORD START END.

Prints it as JSON. START and END bound the app-route statistics, as the manager takes them.
"""

import json
import sys

from catalystwan.session import create_manager_session
from catalystwan.vmanage_auth import UnauthorizedAccessError

url, user, password, start, end = sys.argv[1:]
try:
    session = create_manager_session(url=url, username=user, password=password)
except UnauthorizedAccessError as error:
    print(json.dumps({"refused": str(error)}))
    sys.exit()
with session:
    devices = list(session.api.devices.get())
    edges = [device for device in devices if device.personality.value == "vedge" and device.local_system_ip]
    states = session.api.device_state
    statistics = "/dataservice/data/device/statistics/approutestatsstatistics"
    period = f"startDate={start}&endDate={end}&count=10000&timeZone=UTC"
    first = edges[0].local_system_ip
    print(
        json.dumps(
            {
                "version": str(session.api_version),
                "type": session.session_type.name,
                "devices": {
                    device.hostname: [device.uuid, device.personality.value, device.reachability.value]
                    for device in devices
                },
                "reachable": [one.hostname for one in edges if one.is_reachable],
                "sessions": [
                    [one.sourceTlocColor, one.deviceIp, one.remoteTlocColor, one.state]
                    for one in states.get_bfd_sessions(first)
                ],
                "transports": [
                    [one.color, one.interfaceName, one.operationalState]
                    for one in states.get_device_wan_interfaces(first)
                ],
                "approute": session.get_data(f"{statistics}?{period}"),
                "bulk": len(session.get_data("/dataservice/data/device/state/BFDSessions?count=10000")),
            }
        )
    )
