"""May an ALTER run on the replica first: class A, B, C or D, and why."""

from zdmigrate.verdict.replication.classes import ReplicationClass as ReplicationClass
from zdmigrate.verdict.replication.classify import classify as classify
