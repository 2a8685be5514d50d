"""The fleet, kept in the session store: which nodes run, which version of the app each is, and what that maps."""

from zdsession.fleet.evidence import FleetReading as FleetReading
from zdsession.fleet.evidence import NodeManifest as NodeManifest
from zdsession.fleet.evidence import may_contract as may_contract
from zdsession.fleet.evidence import read_fleet as read_fleet
from zdsession.fleet.hold import Gate as Gate
from zdsession.fleet.hold import HoldAnswer as HoldAnswer
from zdsession.fleet.hold import HoldOrder as HoldOrder
from zdsession.fleet.member import FleetMember as FleetMember
from zdsession.fleet.model import Barrier as Barrier
from zdsession.fleet.model import DrainOrder as DrainOrder
from zdsession.fleet.model import Gone as Gone
from zdsession.fleet.model import Node as Node
from zdsession.fleet.model import Process as Process
from zdsession.fleet.model import State as State
from zdsession.fleet.registry import Registry as Registry
from zdsession.fleet.wsgi import FleetMiddleware as FleetMiddleware
