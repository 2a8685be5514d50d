"""What a statement costs the server: algorithm, lock, rebuild, and who waits."""

from zdmigrate.verdict.cost.clause import with_clause as with_clause
from zdmigrate.verdict.cost.estimate import estimate as estimate
from zdmigrate.verdict.cost.model import Algorithm as Algorithm
from zdmigrate.verdict.cost.model import Cost as Cost
from zdmigrate.verdict.cost.model import Lock as Lock
